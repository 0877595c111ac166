package dev.graft.data.input;

import java.io.Closeable;
import java.io.IOException;
import java.util.Optional;

/// Reads the rows of one open file, in their order.
interface RowReader extends Closeable {

    /// The next row; empty at the end.
    ///
    /// @throws FileFault when the file as a whole cannot be read (on)
    Optional<RawRow> next() throws IOException;
}
