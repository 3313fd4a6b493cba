"""What exists: tables, views, external models; durable, inside the warehouse file."""
