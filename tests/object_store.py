"""An S3 on loopback (moto's server), and buckets in it that are gone after their test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

REGION = "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@contextmanager
def running_object_store() -> Iterator[str]:
    """Give the endpoint of an S3 that runs until the block ends."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def new_bucket(endpoint: str, name: str) -> Iterator[Any]:
    """Give a boto3 bucket, which is emptied and removed when the block ends."""
    s3 = boto3.resource(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )
    bucket = s3.create_bucket(Bucket=name)
    try:
        yield bucket
    finally:
        bucket.objects.delete()
        bucket.delete()
        s3.meta.client.close()
