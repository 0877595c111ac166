package dev.graft.data.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RawRowsTest {
    @TempDir
    Path folder;

    // ---------------------------------------------------------------- JSON

    @Test
    void linesAreNumberedAsAnEditorNumbersThem() throws IOException {
        assertThat(read("a.jsonl", "\uFEFF\n{\"a\": 1}\r\n\r\n{\"a\": 2}"))
                .containsExactly("2 {\"a\":1}", "4 {\"a\":2}");
    }

    @Test
    void brokenLinesHideNoOther() throws IOException {
        assertThat(read("a.jsonl", "{\"a\": 1}\n{\"a\": 2\n[1]\n{\"a\": 4} {}\n{\"a\": 5, \"a\": 6}\n{\"a\": 6}\n"))
                .satisfiesExactly(
                        row -> assertThat(row).isEqualTo("1 {\"a\":1}"),
                        row -> assertThat(row).startsWith("2 is not valid JSON: column "),
                        row -> assertThat(row).isEqualTo("3 is a list; expected a JSON object"),
                        row -> assertThat(row).startsWith("4 is not valid JSON"),
                        row -> assertThat(row).contains("5 is not valid JSON", "Duplicate field 'a'"),
                        row -> assertThat(row).isEqualTo("6 {\"a\":6}"));
    }

    @Test
    void halfSurrogatePairsAreNoText() throws IOException {
        assertThat(read("a.jsonl", "{\"a\": [\"x\\uD83D\"]}\n{\"\\ude00\": 1}\n{\"a\": \"\\ud83d\\ude00\"}\n"))
                .containsExactly(
                        "1 holds \\ud83d, half a surrogate pair, which is no character",
                        "2 holds \\ude00, half a surrogate pair, which is no character",
                        "3 {\"a\":\"😀\"}");
        assertThat(read("a.json", "[{\"a\": \"\\ud83d\"}]"))
                .containsExactly("1 holds \\ud83d, half a surrogate pair, which is no character");
    }

    @Test
    void faultsOfJsonAreSaidWithoutWordsAboutTheParser() throws IOException {
        assertThat(read("a.jsonl", "{\"a\": 1} {}\n{\"a\": NaN}\n{\n{\"a\":" + "[".repeat(2000) + "\n"))
                .allSatisfy(row -> assertThat(row).doesNotContain("Feature", "Constraints", "jackson", "REDACTED"))
                .first()
                .isEqualTo("1 is not valid JSON: column 10: there is more behind the end of the object");
        requireFault("cut.json", "[{\"a\": 1}, ", "line 1, column 12: Unexpected end-of-input");
    }

    @Test
    void arraysAreReadElementByElement() throws IOException {
        assertThat(read("a.json", "\uFEFF \n [\n {\"a\": 1},\n {\"a\": {\"b\": [2]}}, 3 ]\n"))
                .containsExactly("1 {\"a\":1}", "2 {\"a\":{\"b\":[2]}}", "3 is the number 3; expected a JSON object");
        assertThat(read("lines.json", "{\"a\": 1}\n{\"a\": 2}\n")).containsExactly("1 {\"a\":1}", "2 {\"a\":2}");
        assertThat(read("none.json", "[]")).isEmpty();
    }

    @Test
    void rowsBeforeAFaultInAnArrayAreRead() throws IOException {
        Path file = file("a.json", "[\n{\"a\": 1},\n{\"a\" 2}]");
        try (RawRows rows = RawRows.open(file)) {
            assertThat(rows.next().number()).isEqualTo(1);
            assertThatThrownBy(rows::hasNext)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(file + " is not a valid JSON array: row 2: line 3, column");
        }
        requireFault("cut.json", "[{\"a\": 1}, {\"a\"", "cut.json is not a valid JSON array: row 2: line 1");
        requireFault("cut2.json", "[{\"a\": 1}", "not a valid JSON array");
        requireFault("more.json", "[{\"a\": 1}]\n[]", "more text behind the end of its JSON array, at line 2");
    }

    @Test
    void bytesThatAreNoTextAreLocated() throws IOException {
        Path file = folder.resolve("latin.jsonl");
        Files.write(file, "{\"a\":1}\n{\"a\":\"caf\u00E9\"}\n{\"a\":3}".getBytes(StandardCharsets.ISO_8859_1));
        assertThat(read(file))
                .containsExactly(
                        "1 {\"a\":1}",
                        "2 is not UTF-8 text: byte 10 of the row is 0xE9; save the file as UTF-8",
                        "3 {\"a\":3}");
        requireFault("utf16.jsonl", "{}".getBytes(StandardCharsets.UTF_16), "is UTF-16 text", "save it as UTF-8");
    }

    @Test
    void rowOfAHundredMegabytesIsNamedAndTheOthersAreRead() throws IOException {
        Path file = folder.resolve("long.jsonl");
        try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
            out.write("{\"a\": 1}\n{\"a\": \"".getBytes(StandardCharsets.UTF_8));
            byte[] block = new byte[1 << 20];
            Arrays.fill(block, (byte) 'x');
            for (int i = 0; i < 100; i++) {
                out.write(block);
            }
            out.write("\"}\n{\"a\": 3}\n".getBytes(StandardCharsets.UTF_8));
        }
        assertThat(read(file))
                .containsExactly(
                        "1 {\"a\":1}",
                        "2 is 104,857,609 bytes long; a row may have 67,108,864 (64 MiB). Split it into several rows",
                        "3 {\"a\":3}");
    }

    @Test
    void rowOfSixtyMegabytesIsRead() throws IOException {
        Path file = file("long.jsonl", "{\"a\": \"" + "x".repeat(60 << 20) + "\"}\n{\"a\": 2}\n");
        try (RawRows rows = RawRows.open(file)) {
            assertThat(((RawRow.Values) rows.next()).columns().get("a").textValue())
                    .hasSize(60 << 20);
            assertThat(rows.next().number()).isEqualTo(2);
        }
    }

    // ---------------------------------------------------------------- CSV and TSV

    @Test
    void csvFieldsInQuotesHoldCommasQuotesAndLineBreaks() throws IOException {
        assertThat(read("a.csv", "\uFEFFprompt,completion\r\n\"a, \"\"b\"\"\",x\r\n\"two\nlines\",\r\n\r\n é ,z"))
                .containsExactly(
                        "2 {\"prompt\":\"a, \\\"b\\\"\",\"completion\":\"x\"}",
                        "3 {\"prompt\":\"two\\nlines\",\"completion\":\"\"}",
                        "6 {\"prompt\":\" é \",\"completion\":\"z\"}");
    }

    @Test
    void csvRowsOfAnotherWidthAreNamed() throws IOException {
        assertThat(read("a.csv", "a,b\n1,2\n3\n4,5,6\n7,8\n"))
                .containsExactly(
                        "2 {\"a\":\"1\",\"b\":\"2\"}",
                        "3 has 1 fields; the header names 2 columns: \"a\", \"b\"",
                        "4 has 3 fields; the header names 2 columns: \"a\", \"b\"",
                        "5 {\"a\":\"7\",\"b\":\"8\"}");
    }

    @Test
    void csvThatCannotBeTakenApartIsAFault() throws IOException {
        requireFault("open.csv", "a,b\n1,2\n\"3,4\n5,6\n", "open.csv cannot be read as CSV behind row 2", "RFC 4180");
        requireFault("twice.csv", "a,a\n1,2\n", "two columns called \"a\"");
        requireFault("unnamed.csv", "a,\n1,2\n", "a column without a name");
        requireFault(
                "latin.csv",
                "a,b\n1,2\n3,caf\u00E9\n".getBytes(StandardCharsets.ISO_8859_1),
                "is not UTF-8 text: line 3, byte 14 of the file is 0xE9");
    }

    @Property(tries = 50)
    void csvFieldsComeBackAsTheyWereWritten(@ForAll @Size(min = 1, max = 5) List<String> values) throws IOException {
        List<String> fields = values.stream()
                .map(value -> new String(value.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8))
                .toList();
        var csv = new StringBuilder("n,value\n");
        fields.forEach(
                value -> csv.append("1,\"").append(value.replace("\"", "\"\"")).append("\"\n"));
        Path file = Files.createTempFile("rows", ".csv");
        try (RawRows rows = RawRows.open(Files.writeString(file, csv))) {
            List<String> found = new ArrayList<>();
            rows.forEachRemaining(row ->
                    found.add(((RawRow.Values) row).columns().get("value").textValue()));
            assertThat(found).isEqualTo(fields);
        } finally {
            Files.delete(file);
        }
    }

    @Test
    void tsvKnowsNoQuotes() throws IOException {
        assertThat(read("a.tsv", "label\ttext\nham\t\"Hi\" he said\n\nspam\t\"x\n1\n"))
                .containsExactly(
                        "2 {\"label\":\"ham\",\"text\":\"\\\"Hi\\\" he said\"}",
                        "4 {\"label\":\"spam\",\"text\":\"\\\"x\"}",
                        "5 has 1 fields; the header names 2 columns: \"label\", \"text\"");
    }

    // ---------------------------------------------------------------- text, compression

    @Test
    void textIsOneRow() throws IOException {
        assertThat(read("a.txt", "\uFEFFOnce\r\nupon")).containsExactly("1 {\"text\":\"Once\\r\\nupon\"}");
        requireFault("b.txt", " \n", "b.txt is empty");
        requireFault(
                "c.txt", new byte[] {'a', '\n', (byte) 0xE9}, "is not UTF-8 text: line 2, byte 3 of the file is 0xE9");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 65_535, 65_536, 65_537, 200_000})
    void linesMayEndAnywhereInTheBuffer(int length) throws IOException {
        String text = "é".repeat(length / 2) + "x".repeat(length % 2);
        assertThat(read("a.tsv", "a\n" + text + "\r\nlast"))
                .containsExactlyElementsOf(
                        length == 0
                                ? List.of("3 {\"a\":\"last\"}")
                                : List.of("2 {\"a\":\"" + text + "\"}", "3 {\"a\":\"last\"}"));
    }

    @Test
    void compressedFilesAreReadAndCutOnesNoticed() throws IOException {
        var rows = new StringBuilder();
        for (int i = 1; i <= 5_000; i++) {
            rows.append("{\"a\": ").append(i * 7919L % 5003).append("}\n");
        }
        byte[] whole = gzip(rows.toString());
        Path file = folder.resolve("a.jsonl.gz");
        Files.write(file, whole);
        assertThat(read(file)).hasSize(5_000).last().isEqualTo("5000 {\"a\":" + 5_000 * 7919L % 5003 + "}");

        Files.write(file, Arrays.copyOf(whole, whole.length / 2));
        assertThatThrownBy(() -> read(file))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContaining("ends in the middle of its compressed data, behind row ");

        byte[] damaged = whole.clone();
        damaged[whole.length / 2] ^= 0x55;
        damaged[whole.length / 2 + 1] ^= 0x55;
        Files.write(file, damaged);
        assertThatThrownBy(() -> read(file))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("behind row");
    }

    @Test
    void csvMayBeCompressedToo() throws IOException {
        Path file = folder.resolve("a.CSV.gz");
        Files.write(file, gzip("a\n1\n"));
        assertThat(read(file)).containsExactly("2 {\"a\":\"1\"}");
        Path zstd = folder.resolve("a.jsonl.zst");
        Files.write(zstd, com.github.luben.zstd.Zstd.compress("{\"a\": 1}\n".getBytes(StandardCharsets.UTF_8)));
        assertThat(read(zstd)).containsExactly("1 {\"a\":1}");
    }

    @Test
    void whatIsNoFileOfRowsIsRefused() throws IOException {
        assertThatThrownBy(() -> RawRows.open(folder.resolve("no.jsonl")))
                .hasMessageContaining("no.jsonl does not exist");
        assertThatThrownBy(() -> RawRows.open(folder)).hasMessageContaining("is a folder");
        Path xml = file("a.xml", "<a/>");
        assertThatThrownBy(() -> RawRows.open(xml)).hasMessageContaining(".jsonl", ".csv", ".parquet", ".gz");
    }

    // ---------------------------------------------------------------- helpers

    private void requireFault(String name, Object content, String... words) throws IOException {
        Path file = folder.resolve(name);
        Files.write(
                file, content instanceof byte[] bytes ? bytes : ((String) content).getBytes(StandardCharsets.UTF_8));
        assertThatThrownBy(() -> read(file))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(file.toString())
                .message()
                .contains(words);
    }

    private static byte[] gzip(String text) throws IOException {
        var bytes = new ByteArrayOutputStream();
        try (var out = new GZIPOutputStream(bytes)) {
            out.write(text.getBytes(StandardCharsets.UTF_8));
        }
        return bytes.toByteArray();
    }

    private Path file(String name, String content) throws IOException {
        return Files.writeString(folder.resolve(name), content);
    }

    private List<String> read(String name, String content) throws IOException {
        return read(file(name, content));
    }

    /// `number json` or `number reason` of each row.
    static List<String> read(Path file) {
        List<String> all = new ArrayList<>();
        try (RawRows rows = RawRows.open(file)) {
            rows.forEachRemaining(row -> all.add(
                    switch (row) {
                        case RawRow.Values(int number, ObjectNode columns) -> number + " " + columns;
                        case RawRow.Broken(int number, String reason) -> number + " " + reason;
                    }));
        }
        return all;
    }
}
