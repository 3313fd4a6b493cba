"""A local endpoint that speaks Bedrock's wire format, with its quotas and faults."""
