package dev.graft.data;

import java.nio.file.Path;

/// Is told how far the reading of a file is.
@FunctionalInterface
public interface Reading {
    /// Tells nobody.
    Reading UNSEEN = (_, _, _) -> {};

    /// @param bytes of the file that were read, compressed where it is
    /// @param rows  of the file that were read
    void at(Path file, long bytes, long rows);
}
