package dev.graft.format;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Stream;

/// Files and directories that appear whole or not at all: written beside their place under a hidden name,
/// flushed to the device, then renamed into it. A failure or a crash at any instant leaves what was there
/// before; a crash may also leave the hidden `.NAME.….tmp`, which nothing reads.
///
/// A link at the target is replaced by the file; what it points to stays as it is.
public final class AtomicFiles {
    private static final boolean WINDOWS = File.separatorChar == '\\';
    private static final int ATTEMPTS = 20;

    /// What is being written now, under its hidden name.
    private static final Set<Path> UNFINISHED = ConcurrentHashMap.newKeySet();

    private AtomicFiles() {}

    /// Writes the content of a file that is not yet in place.
    @FunctionalInterface
    public interface Content {
        void writeTo(FileChannel channel) throws IOException;
    }

    /// Puts `content` at `target`, replacing a file that is there.
    public static void write(Path target, byte[] content) {
        write(target, channel -> {
            var bytes = ByteBuffer.wrap(content);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        });
    }

    /// Puts `content` at `target` in UTF-8, replacing a file that is there.
    public static void writeString(Path target, String content) {
        write(target, content.getBytes(StandardCharsets.UTF_8));
    }

    /// Puts what `content` writes at `target`, replacing a file that is there.
    public static void write(Path target, Content content) {
        Path temporary = beside(target, UUID.randomUUID() + ".tmp");
        UNFINISHED.add(temporary);
        try {
            requireParent(target);
            // not createTempFile: its files are closed to everyone else, also after the rename
            try (var channel = FileChannel.open(
                    temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                content.writeTo(channel);
                channel.force(true);
            }
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            flushDirectory(temporary.getParent());
        } catch (IOException e) {
            throw new UncheckedIOException("%s: cannot be written (%s)".formatted(target, e), cleaned(temporary, e));
        } catch (RuntimeException | Error e) {
            cleaned(temporary, e);
            throw e;
        } finally {
            UNFINISHED.remove(temporary);
        }
    }

    /// Makes the directory `target` out of what `fill` puts into the empty directory it is given.
    ///
    /// @throws UncheckedIOException when `target` exists
    public static void directory(Path target, Consumer<Path> fill) {
        directory(target, false, fill);
    }

    /// Makes the directory `target` out of what `fill` puts into the empty directory it is given. The
    /// directory it replaces steps aside as `.NAME.old` between two renames; should a crash fall between
    /// them, [#recover] puts it back.
    ///
    /// @param replace whether an existing `target` gives way; otherwise it is an error
    public static void directory(Path target, boolean replace, Consumer<Path> fill) {
        Path temporary = beside(target, UUID.randomUUID() + ".tmp");
        UNFINISHED.add(temporary);
        try {
            requireParent(target);
            recover(target);
            requireAbsent(target, replace);
            Files.createDirectory(temporary);
            fill.accept(temporary);
            flushTree(temporary);
            requireAbsent(target, replace); // again: renaming onto an empty directory would succeed
            swapIn(temporary, target);
        } catch (IOException e) {
            throw new UncheckedIOException("%s: cannot be written (%s)".formatted(target, e), cleaned(temporary, e));
        } catch (RuntimeException | Error e) {
            cleaned(temporary, e);
            throw e;
        } finally {
            UNFINISHED.remove(temporary);
        }
    }

    /// Deletes what other threads are writing now. Only for a process that is about to end: they fail.
    public static void deleteUnfinished() {
        for (Path temporary : UNFINISHED) {
            for (int attempt = 0; attempt < ATTEMPTS && exists(temporary); attempt++) {
                try {
                    deleteTree(temporary);
                } catch (IOException | UncheckedIOException e) {
                    // its writer put another file into it meanwhile, or took one away
                }
            }
        }
    }

    /// Finishes a replacement of the directory `target` that a crash interrupted: with nothing at
    /// `target`, the directory that had stepped aside returns; otherwise the one that stepped aside is
    /// deleted.
    ///
    /// @return whether a directory returned
    public static boolean recover(Path target) {
        Path aside = aside(target);
        try {
            if (!exists(aside)) {
                return false;
            }
            if (exists(target)) {
                deleteTree(aside);
                return false;
            }
            Files.move(aside, target, StandardCopyOption.ATOMIC_MOVE);
            flushDirectory(aside.getParent());
            return true;
        } catch (IOException e) {
            throw new UncheckedIOException("%s: cannot be restored from %s (%s)".formatted(target, aside, e), e);
        }
    }

    private static void swapIn(Path temporary, Path target) throws IOException {
        Path aside = aside(target);
        boolean replacing = exists(target);
        if (replacing) {
            Files.move(target, aside, StandardCopyOption.ATOMIC_MOVE);
        }
        try {
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            if (replacing) {
                Files.move(aside, target, StandardCopyOption.ATOMIC_MOVE);
            }
            throw e;
        }
        flushDirectory(temporary.getParent());
        if (replacing) {
            deleteTree(aside);
        }
    }

    private static void requireParent(Path target) throws IOException {
        Path parent = target.toAbsolutePath().getParent();
        if (parent == null || !Files.isDirectory(parent)) {
            throw new NotDirectoryException(String.valueOf(parent));
        }
    }

    private static void requireAbsent(Path target, boolean replace) throws IOException {
        if (!replace && exists(target)) {
            throw new FileAlreadyExistsException(target.toString(), null, "it exists and is not to be replaced");
        }
    }

    private static boolean exists(Path path) {
        return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
    }

    private static Path aside(Path target) {
        return beside(target, "old");
    }

    private static Path beside(Path target, String suffix) {
        return target.toAbsolutePath().resolveSibling(".%s.%s".formatted(target.getFileName(), suffix));
    }

    private static void flushTree(Path directory) throws IOException {
        for (Path path : deepestFirst(directory)) {
            if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
                flushDirectory(path);
            } else if (Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
                try (var channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
                    channel.force(true);
                }
            }
        }
    }

    /// Makes a rename durable. Windows keeps no handle on directories that could be flushed.
    private static void flushDirectory(Path directory) throws IOException {
        if (!WINDOWS) {
            try (var channel = FileChannel.open(directory, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }

    /// Removes what was begun and returns `failure`, which stays the error to report.
    private static <E extends Throwable> E cleaned(Path temporary, E failure) {
        try {
            if (exists(temporary)) {
                deleteTree(temporary);
            }
        } catch (IOException | UncheckedIOException e) {
            failure.addSuppressed(e);
        }
        return failure;
    }

    /// Deletes a file, or a directory with all that is in it; nothing when there is none.
    public static void delete(Path tree) {
        if (exists(tree)) {
            try {
                deleteTree(tree);
            } catch (IOException e) {
                throw new UncheckedIOException("%s: cannot be deleted (%s)".formatted(tree, e), e);
            }
        }
    }

    private static void deleteTree(Path tree) throws IOException {
        for (Path path : deepestFirst(tree)) {
            Files.delete(path);
        }
    }

    private static List<Path> deepestFirst(Path tree) throws IOException {
        try (Stream<Path> paths = Files.walk(tree)) {
            return paths.sorted(Comparator.reverseOrder()).toList();
        }
    }
}
