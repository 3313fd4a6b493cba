"""COPY: from files and objects of many formats to rows of a table."""
