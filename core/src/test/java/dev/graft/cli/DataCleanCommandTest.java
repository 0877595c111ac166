package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DataCleanCommandTest {
    @TempDir
    Path folder;

    @Test
    void repetitionsGoAndTheAuditSaysWhich() throws IOException {
        write("{\"text\": \"one two\"}", "{\"text\": \"three\"}", "{\"text\": \"one two\"}");
        Ran ran = clean();
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(Files.readAllLines(folder.resolve("out.jsonl")))
                .containsExactly("{\"text\":\"one two\"}", "{\"text\":\"three\"}");
        assertThat(Files.readString(folder.resolve("out.audit.jsonl")))
                .hasLineCount(1)
                .contains(
                        "in.jsonl row 3", "\"action\":\"removed\"", "\"reason\":\"exact_duplicate\"", "in.jsonl row 1");
        assertThat(ran.out()).containsPattern("read +3 rows\n +kept +2 rows").contains("exact duplicate");
        assertThat(clean("--overwrite", "--no-exact-duplicates").out()).containsPattern("kept +3 rows");
    }

    @Test
    void textsAreWrittenAlikeInTheWaysAskedFor() throws IOException {
        write("{\"text\": \"a\\r\\nb\\u200b  \"}");
        assertThat(clean("--normalize", "newlines,control,spaces").exitCode()).isZero();
        assertThat(Files.readString(folder.resolve("out.jsonl"))).isEqualTo("{\"text\":\"a\\nb\"}\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"ignore", "report", "mask", "remove", "MASK"})
    void personalDataIsTreatedAsAsked(String what) throws IOException {
        write("{\"text\": \"write to ann@example.org\"}", "{\"text\": \"nothing\"}");
        Ran ran = clean("--pii", what, "--pii-kinds", "email,phone");
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        String kept = Files.readString(folder.resolve("out.jsonl"));
        String audit = Files.readString(folder.resolve("out.audit.jsonl"));
        switch (what.toLowerCase(Locale.ROOT)) {
            case "ignore" -> assertThat(audit).isEmpty();
            case "report" -> assertThat(audit).contains("pii_email");
            case "mask" -> assertThat(kept).contains("write to <EMAIL>").doesNotContain("@");
            default -> assertThat(kept).isEqualTo("{\"text\":\"nothing\"}\n");
        }
        assertThat(kept.contains("ann@")).isEqualTo(List.of("ignore", "report").contains(what));
        assertThat(audit).doesNotContain("ann@example.org");
    }

    @Test
    void whatOtherFilesHoldGoes() throws IOException {
        String text = "a b c d e f g h i j k l m n o p q r s t u v w x y ";
        Path train = Files.writeString(
                folder.resolve("train.jsonl"), "{\"text\": \"one two\"}\n{\"text\": \"%sz\"}\n".formatted(text));
        write("{\"text\": \"one two\"}", "{\"text\": \"three\"}", "{\"text\": \"%s!\"}".formatted(text));
        assertThat(clean("--against", train).out()).containsPattern("read +3 rows\n +kept +2 rows");
        assertThat(clean("--overwrite", "--against", train, "--near-duplicates").out())
                .containsPattern("kept +1 row ");
        assertThat(Files.readString(folder.resolve("out.audit.jsonl")))
                .contains("the same as " + train + " row 1", "similar to " + train + " row 2");
    }

    @Test
    void rowsThatCannotBeReadStopTheRunOrAreLeftOut() throws IOException {
        write("{\"text\": \"one\"}", "{\"text\": ", "[1]");
        Ran stopped = clean();
        assertThat(stopped.exitCode()).isEqualTo(1);
        assertThat(stopped.err()).contains("2 of 3 rows cannot be used", "row 2 is not valid JSON", "row 3 is a list");
        assertThat(folder.resolve("out.jsonl")).doesNotExist();
        Ran left = clean("--drop-broken");
        assertThat(left.exitCode()).as(left.err()).isZero();
        assertThat(left.out()).containsPattern("kept +1 row ").containsPattern("removed broken +2 rows");
        assertThat(Files.readString(folder.resolve("out.audit.jsonl")))
                .contains("\"reason\":\"broken\"", "is not valid JSON", "is a list; expected a JSON object");
    }

    @Test
    void outputThatWouldMisleadOrDestroyIsRefused() throws IOException {
        write("{\"text\": \"one\"}");
        Path in = folder.resolve("in.jsonl");
        for (String name : List.of("out.csv", "out.parquet", "out.jsonl.gz")) {
            assertThat(Ran.graft("data", "clean", in, "--output", folder.resolve(name))
                            .err())
                    .contains(name + ": rows are written as JSON lines");
        }
        assertThat(Ran.graft("data", "clean", in, "--output", in, "--overwrite").err())
                .contains("in.jsonl is read; give another --output");
        assertThat(Files.readString(in)).contains("one");
    }

    @Test
    void nearRepetitionsGoWhenAskedFor() throws IOException {
        String text = "a b c d e f g h i j k l m n o p q r s t u v w x y ";
        write("{\"text\": \"%sz\"}".formatted(text), "{\"text\": \"%s!\"}".formatted(text));
        assertThat(clean().out()).containsPattern("kept +2 rows");
        assertThat(clean("--overwrite", "--near-duplicates").out())
                .containsPattern("kept +1 row ")
                .contains("near duplicate");
        assertThat(clean("--overwrite", "--near-duplicates=0.99").out()).containsPattern("kept +2 rows");
        Ran before = Ran.graft(
                "data",
                "clean",
                "--near-duplicates",
                folder.resolve("in.jsonl"),
                "--output",
                folder.resolve("out2.jsonl"));
        assertThat(before.out()).containsPattern("kept +1 row ");
    }

    @Test
    void shortRowsGo() throws IOException {
        write("{\"text\": \"ab\"}", "{\"text\": \"abcdef\"}");
        assertThat(clean("--min-chars", 5).out()).containsPattern("kept +1 row ");
        assertThat(Files.readString(folder.resolve("out.audit.jsonl"))).contains("row 1");
    }

    @Test
    void rowsThatCannotBeReadStopItAndLeaveNothing() throws IOException {
        write("{\"text\": \"a\"}", "{\"text\": ", "[1]");
        Ran ran = clean();
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains("2 of 3 rows cannot be used", "row 2", "row 3", "Nothing was written");
        assertThat(folder.resolve("out.jsonl")).doesNotExist();
        assertThat(folder.resolve("out.audit.jsonl")).doesNotExist();
    }

    @Test
    void badSettingsAreSentences() throws IOException {
        write("{\"text\": \"a\"}");
        Ran unknown = clean("--normalize", "nfd");
        assertThat(unknown.exitCode()).isEqualTo(2);
        assertThat(unknown.err()).contains("newlines, control, nfc, spaces", "nfd");
        assertThat(clean("--pii", "hide").err()).contains("ignore, report, mask, remove");
        assertThat(clean("--near-duplicates=1.5").err()).contains("1.5");
        assertThat(clean("--by", "title").err()).contains("row 1 has no \"title\"");
        assertThat(clean().exitCode()).isZero();
        assertThat(clean().err()).contains("out.jsonl exists", "--overwrite");
        assertThat(Ran.graft("data", "clean", "--help").out())
                .contains("newlines, control", "report")
                .doesNotContain("NFC");
    }

    private void write(String... rows) throws IOException {
        Files.writeString(folder.resolve("in.jsonl"), String.join("\n", rows) + "\n");
    }

    private Ran clean(Object... more) {
        List<Object> arguments = new ArrayList<>(
                List.of("data", "clean", folder.resolve("in.jsonl"), "--output", folder.resolve("out.jsonl")));
        arguments.addAll(Arrays.asList(more));
        return Ran.graft(arguments.toArray());
    }
}
