"""Finished estimates: Parquet, which pandas, Polars, DuckDB and R read.

Memory does not grow with the length of what is written.
"""

import os
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

from numpy.typing import NDArray

from streamer import limits
from streamer.helpers import require_package
from streamer.outputs.recording.file_names import PART, try_lock
from streamer.outputs.recording.journal import COLUMN_TYPES, COLUMNS, FORMAT_KEY, Metadata, Row

MAGIC = b"PAR1"
"""A Parquet file begins and ends with it."""

_ARROWS_OWN = "ARROW:schema"
_ROW_GROUP = 1_000


class DamagedError(Exception):
    """The content is not what a Parquet file holds."""


def write_parquet(path: Path, metadata: Metadata, rows: Iterable[Row]) -> None:
    """Write rows to a temporary name beside `path`, and bring them there once they are whole.

    The metadata are looked at after the last row.

    Raises
    ------
    OSError
        They cannot be written; the temporary file may stay.
    UsageError
        pyarrow is not installed.
    """
    arrow = require_package("pyarrow", extra="record")
    parquet = require_package("pyarrow.parquet", extra="record")
    schema = arrow.schema([(name, _arrow_type(arrow, name)) for name in COLUMNS])
    part = path.with_name(path.name + PART)
    remaining = iter(rows)
    with part.open("wb") as file:
        try_lock(file)
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for first in remaining:
                group = zip(*chain([first], islice(remaining, _ROW_GROUP - 1)), strict=True)
                arrays = [
                    arrow.array(list(values), field.type)
                    for values, field in zip(group, schema, strict=True)
                ]
                writer.write_batch(arrow.record_batch(arrays, schema=schema))
            writer.add_key_value_metadata(dict(metadata))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_parquet(file: BinaryIO) -> tuple[dict[str, str], dict[str, NDArray[Any]]] | None:
    """Return the metadata and the columns by their names; None where it is no recording of ours.

    Raises
    ------
    DamagedError
        The file is not whole.
    UsageError
        pyarrow is not installed.
    """
    arrow = require_package("pyarrow", extra="record")
    parquet = require_package("pyarrow.parquet", extra="record")
    try:
        with parquet.ParquetFile(file) as whole:
            schema = whole.schema_arrow
            metadata = whole.metadata.metadata or {}
            if FORMAT_KEY.encode() not in metadata or any(
                name not in schema.names or schema.field(name).type != _arrow_type(arrow, name)
                for name in COLUMNS
            ):
                return None
            if whole.metadata.num_rows > limits.MAX_RECORDING_ROWS:
                raise DamagedError("more rows than can be")
            table = whole.read(columns=list(COLUMNS))
            columns = {
                name: table.column(name).cast(_plain_type(arrow, name)).to_numpy()
                for name in COLUMNS
            }
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise DamagedError(str(error)) from None
    said = {name.decode(): value.decode(errors="replace") for name, value in metadata.items()}
    return {name: value for name, value in said.items() if name != _ARROWS_OWN}, columns


def _arrow_type(arrow: Any, name: str) -> Any:
    return arrow.timestamp("ms", tz="UTC") if name == "ts" else _plain_type(arrow, name)


def _plain_type(arrow: Any, name: str) -> Any:
    return {int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_()}[COLUMN_TYPES[name]]
