"""Read and write finished recordings as Parquet, which pandas, Polars, DuckDB and R read too."""

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
"""First and last bytes of a Parquet file."""

_ARROW_SCHEMA_KEY = "ARROW:schema"
_ROWS_PER_GROUP = 1_000


class DamagedError(Exception):
    """A Parquet file is damaged."""


def write_parquet(path: Path, metadata: Metadata, rows: Iterable[Row]) -> None:
    """Write rows to a temporary file beside `path`, and rename it once it is complete.

    Memory is bounded: rows are written in groups. The metadata are read after the last row.

    Raises
    ------
    OSError
        The file cannot be written; the temporary file may stay.
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
                group = zip(*chain([first], islice(remaining, _ROWS_PER_GROUP - 1)), strict=True)
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
    """Return metadata and columns by name; None for a Parquet file that is not a recording.

    Raises
    ------
    DamagedError
        The file is damaged or too large.
    UsageError
        pyarrow is not installed.
    """
    arrow = require_package("pyarrow", extra="record")
    parquet = require_package("pyarrow.parquet", extra="record")
    try:
        with parquet.ParquetFile(file) as opened:
            schema = opened.schema_arrow
            metadata = opened.metadata.metadata or {}
            if FORMAT_KEY.encode() not in metadata or any(
                name not in schema.names or schema.field(name).type != _arrow_type(arrow, name)
                for name in COLUMNS
            ):
                return None
            if opened.metadata.num_rows > limits.MAX_RECORDING_ROWS:
                raise DamagedError("too many rows")
            table = opened.read(columns=list(COLUMNS))
            columns = {
                name: table.column(name).cast(_plain_type(arrow, name)).to_numpy()
                for name in COLUMNS
            }
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise DamagedError(str(error)) from None
    texts = {name.decode(): value.decode(errors="replace") for name, value in metadata.items()}
    texts.pop(_ARROW_SCHEMA_KEY, None)
    return texts, columns


def _arrow_type(arrow: Any, name: str) -> Any:
    return arrow.timestamp("ms", tz="UTC") if name == "ts" else _plain_type(arrow, name)


def _plain_type(arrow: Any, name: str) -> Any:
    return {int: arrow.int64(), float: arrow.float64(), bool: arrow.bool_()}[COLUMN_TYPES[name]]
