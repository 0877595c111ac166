package dev.graft.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {
    @TempDir
    Path directory;

    @Test
    void fileIsWrittenAndReplaced() throws IOException {
        Path file = directory.resolve("config.json");
        AtomicFiles.writeString(file, "{\"π\": 3}");
        assertThat(file).hasContent("{\"π\": 3}");
        AtomicFiles.write(file, new byte[0]);
        assertThat(file).isEmptyFile();
        assertThat(names()).containsExactly("config.json");
    }

    @Test
    void fileHasThePermissionsOfAnyNewFile() throws IOException {
        assumeThat(Files.getFileStore(directory).supportsFileAttributeView("posix"))
                .as("POSIX permissions are missing here")
                .isTrue();
        Path plain = Files.createFile(directory.resolve("plain"));
        Path file = directory.resolve("atomic");
        AtomicFiles.writeString(file, "x");
        assertThat(Files.getPosixFilePermissions(file)).isEqualTo(Files.getPosixFilePermissions(plain));
    }

    @Test
    void whatIsUnfinishedCanBeDeletedWhenTheProcessEnds() throws IOException {
        Path finished = directory.resolve("finished");
        AtomicFiles.writeString(finished, "x");
        assertThatThrownBy(() -> AtomicFiles.directory(directory.resolve("model"), folder -> {
                    AtomicFiles.writeString(folder.resolve("config.json"), "{}");
                    AtomicFiles.write(folder.resolve("weights"), channel -> AtomicFiles.deleteUnfinished());
                }))
                .isInstanceOf(UncheckedIOException.class);
        assertThat(names()).containsExactly("finished");
    }

    @Test
    void missingFolderIsNamed() {
        Path file = directory.resolve("nowhere/config.json");
        assertThatThrownBy(() -> AtomicFiles.writeString(file, "x"))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContainingAll(file.toString(), "nowhere");
    }

    @Test
    void folderInTheWayIsAnErrorAndStays() throws IOException {
        Path inTheWay = Files.createDirectory(directory.resolve("taken"));
        assertThatThrownBy(() -> AtomicFiles.writeString(inTheWay, "x")).isInstanceOf(UncheckedIOException.class);
        assertThat(names()).containsExactly("taken");
    }

    @Test
    void directoryAppearsWhole() throws IOException {
        Path target = directory.resolve("step-10");
        AtomicFiles.directory(target, folder -> {
            assertThat(target).doesNotExist();
            writing("nested/state").accept(folder);
        });
        assertThat(target.resolve("nested/state")).hasContent("nested/state");
        assertThat(names()).containsExactly("step-10");
    }

    @Test
    void failureWhileFillingLeavesNothing() throws IOException {
        assertThatThrownBy(() -> AtomicFiles.directory(directory.resolve("step-10"), failing("half")))
                .hasMessage("interrupted");
        assertThat(names()).isEmpty();
    }

    @Test
    void existingDirectoryIsKeptUnlessReplaced() throws IOException {
        Path target = directory.resolve("adapter");
        AtomicFiles.directory(target, writing("old"));
        assertThatThrownBy(() -> AtomicFiles.directory(target, writing("new")))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContainingAll(target.toString(), "exists");
        assertThat(target.resolve("old")).exists();
        AtomicFiles.directory(target, true, writing("new"));
        assertThat(target.resolve("new")).exists();
        assertThat(target.resolve("old")).doesNotExist();
        assertThat(names()).containsExactly("adapter");
    }

    @Test
    void existingEmptyDirectoryIsKeptToo() throws IOException {
        Path target = directory.resolve("empty");
        assertThatThrownBy(() -> AtomicFiles.directory(target, folder -> {
                    writing("new").accept(folder);
                    make(target); // someone else was faster
                }))
                .isInstanceOf(UncheckedIOException.class);
        assertThat(names()).containsExactly("empty");
        assertThat(target).isEmptyDirectory();
    }

    @Test
    void failureWhileReplacingLeavesTheOldDirectory() throws IOException {
        Path target = directory.resolve("adapter");
        AtomicFiles.directory(target, writing("old"));
        assertThatThrownBy(() -> AtomicFiles.directory(target, true, failing("half")))
                .hasMessage("interrupted");
        assertThat(target.resolve("old")).exists();
        assertThat(names()).containsExactly("adapter");
    }

    @Test
    void crashBetweenTheTwoRenamesOfAReplacementIsUndone() throws IOException {
        Path target = directory.resolve("adapter");
        writing("old").accept(make(directory.resolve(".adapter.old")));
        assertThat(AtomicFiles.recover(target)).isTrue();
        assertThat(target.resolve("old")).exists();
        assertThat(names()).containsExactly("adapter");
        assertThat(AtomicFiles.recover(target)).isFalse();
    }

    @Test
    void crashAfterTheRenamesOfAReplacementIsFinished() throws IOException {
        Path target = directory.resolve("adapter");
        writing("old").accept(make(directory.resolve(".adapter.old")));
        writing("new").accept(make(target));
        assertThat(AtomicFiles.recover(target)).isFalse();
        assertThat(target.resolve("new")).exists();
        assertThat(names()).containsExactly("adapter");
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }

    private static Consumer<Path> writing(String name) {
        return folder -> {
            try {
                Files.createDirectories(folder.resolve(name).getParent());
                Files.writeString(folder.resolve(name), name);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        };
    }

    private static Consumer<Path> failing(String name) {
        return writing(name).andThen(_ -> {
            throw new IllegalStateException("interrupted");
        });
    }

    private static Path make(Path folder) {
        try {
            return Files.createDirectory(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
