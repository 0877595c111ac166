package dev.graft.data.input;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/// What a path of a recipe stands for: a file, all files of rows below a folder, or those that a pattern
/// matches.
///
/// Files come sorted by their path, so that the order is the same on every machine. Hidden files, and in a
/// folder those of no known format, are passed over.
public final class InputFiles {
    private static final String PATTERN_CHARACTERS = "*?[{";

    private InputFiles() {}

    /// The files of `path`, at least one.
    ///
    /// @param path  a file, a folder, or a pattern such as `data/*.jsonl` or `data/**/part-?.parquet`,
    ///              in which `**` stands for any number of folders
    public static List<Path> of(String path) {
        int pattern = firstPatternCharacter(path);
        if (pattern < 0 || exists(path)) {
            Path given = Path.of(path);
            return Files.isDirectory(given) ? inFolder(given) : List.of(given);
        }
        int slash = Math.max(path.lastIndexOf('/', pattern), path.lastIndexOf('\\', pattern));
        Path base = Path.of(slash < 0 ? "" : path.substring(0, Math.max(1, slash)));
        if (!Files.isDirectory(base)) {
            throw new IllegalArgumentException(
                    "%s: there is no folder %s to look in; check the path".formatted(path, base));
        }
        String rest = path.substring(slash + 1).replace('\\', '/');
        PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + rest);
        // `**/x` also means x in the folder itself, which Java's patterns do not say
        PathMatcher here = FileSystems.getDefault().getPathMatcher("glob:" + rest.replace("**/", ""));
        List<Path> files =
                below(base, file -> matcher.matches(base.relativize(file)) || here.matches(base.relativize(file)));
        if (files.isEmpty()) {
            throw new IllegalArgumentException("%s matches no file in %s".formatted(path, base.toAbsolutePath()));
        }
        return files;
    }

    private static List<Path> inFolder(Path folder) {
        List<Path> files = below(folder, file -> FileFormat.of(file).isPresent());
        if (files.isEmpty()) {
            throw new IllegalArgumentException("%s holds no file of rows; expected files that end in %s"
                    .formatted(folder, FileFormat.knownEndings()));
        }
        return files;
    }

    private static List<Path> below(Path base, Predicate<Path> wanted) {
        try (Stream<Path> all = Files.walk(base)) {
            return all.filter(Files::isRegularFile)
                    .filter(file -> !isHidden(base.relativize(file)))
                    .filter(wanted)
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list %s: %s".formatted(base, e.getMessage()), e);
        }
    }

    private static boolean isHidden(Path relative) {
        for (Path part : relative) {
            if (part.toString().startsWith(".")) {
                return true;
            }
        }
        return false;
    }

    /// A name may hold such characters itself.
    private static boolean exists(String path) {
        try {
            return Files.exists(Path.of(path));
        } catch (InvalidPathException e) {
            return false; // Windows has no such names
        }
    }

    private static int firstPatternCharacter(String path) {
        for (int i = 0; i < path.length(); i++) {
            if (PATTERN_CHARACTERS.indexOf(path.charAt(i)) >= 0) {
                return i;
            }
        }
        return -1;
    }
}
