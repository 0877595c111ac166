package dev.graft.data.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InputFilesTest {
    @TempDir
    Path folder;

    @BeforeEach
    void fill() throws IOException {
        for (String file : new String[] {
            "b.jsonl", "a.jsonl", "sub/c.jsonl.gz", "sub/deep/d.parquet", "notes.md", ".hidden.jsonl", ".git/e.jsonl"
        }) {
            Files.createDirectories(folder.resolve(file).getParent());
            Files.createFile(folder.resolve(file));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            a.jsonl          | a.jsonl
            ''               | a.jsonl b.jsonl sub/c.jsonl.gz sub/deep/d.parquet
            *.jsonl          | a.jsonl b.jsonl
            [b-z].jsonl      | b.jsonl
            {a,b}.json?      | a.jsonl b.jsonl
            **/*.jsonl*      | a.jsonl b.jsonl sub/c.jsonl.gz
            sub/**/*.parquet | sub/deep/d.parquet
            sub/**           | sub/c.jsonl.gz sub/deep/d.parquet
            sub              | sub/c.jsonl.gz sub/deep/d.parquet
            """)
    void pathsStandForSortedFiles(String path, String files) {
        assertThat(InputFiles.of(path.isEmpty() ? folder.toString() : folder + "/" + path))
                .extracting(file -> folder.relativize(file).toString().replace('\\', '/'))
                .containsExactly(files.split(" "));
    }

    @Test
    void nameWithPatternCharactersIsTakenAsItIsWhereItExists() throws IOException {
        Path file = Files.createFile(folder.resolve("a[1].jsonl"));
        assertThat(InputFiles.of(file.toString())).containsExactly(file);
    }

    @Test
    void pathsThatStandForNothingAreRefused() throws IOException {
        assertThatThrownBy(() -> InputFiles.of(folder + "/*.csv")).hasMessageContaining("*.csv matches no file");
        assertThatThrownBy(() -> InputFiles.of(folder + "/none/*.csv")).hasMessageContaining("there is no folder");
        Path empty = Files.createDirectory(folder.resolve("empty"));
        assertThatThrownBy(() -> InputFiles.of(empty.toString())).hasMessageContaining("holds no file of rows");
    }
}
