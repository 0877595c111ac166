package dev.graft.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.SharedData;
import dev.graft.data.shape.RowShape.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RowsTest {
    @TempDir
    Path folder;

    @Test
    void percentSignsAndLineEndingsInInstructionsStayAsTheyAre() throws IOException {
        List<Row> rows =
                Rows.read(file("a.jsonl", "{\"instruction\":\"Add 5%d\\r\\n\",\"input\":\"100%\",\"output\":\"5\"}"));
        assertThat(((Example.PromptCompletion) rows.getFirst().example()).prompt())
                .contains("### Instruction:\nAdd 5%d\r\n\n\n### Input:\n100%\n");
    }

    @Test
    void blankLinesAndByteOrderMarkAreNoRows() throws IOException {
        List<Row> rows = Rows.read(file("a.jsonl", "\uFEFF\n{\"text\": \"a\"}\r\n\n{\"text\": \"b\"}"));
        assertThat(rows).extracting(Row::number).containsExactly(2, 4);
    }

    @Test
    void arrayOfObjectsIsRead() throws IOException {
        List<Row> rows = Rows.read(file("a.json", "\uFEFF [\n {\"text\": \"a\"},\n {\"text\": \"b\"}\n]"));
        assertThat(rows).extracting(Row::number).containsExactly(1, 2);
    }

    @Test
    void everyBrokenLineIsReportedAtOnceWithItsNumber() throws IOException {
        Path file = file("broken.jsonl", """
                {"prompt": "a", "completion": "b"}
                {"prompt": "cut of
                {"question": "what", "answer": "that"}
                {"prompt": "no completion"}
                ["text"]
                {"prompt": "a", "completion": "b"} {"prompt": "c"}
                {"prompt": "a", "completion": 3}
                {"prompt": null, "completion": "b"}
                {"prompt": "a", "completion": "b", "label": true}
                """);
        assertThatThrownBy(() -> Rows.read(file))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .contains(file + ": 8 of 9 rows cannot be used:")
                .contains("row 2: is not valid JSON: column ")
                .contains("row 3: has no \"prompt\"")
                .contains("row 4: has no \"completion\"")
                .contains("row 5: is a list; expected a JSON object")
                .contains("row 6: is not valid JSON")
                .contains("row 7: \"completion\" is the number 3; expected a string")
                .contains("row 8: \"prompt\" is null; expected a string")
                .contains("row 9: is of shape unpaired; the rows before it are prompt_completion")
                .contains("{\"prompt\": \"…\", \"completion\": \"…\"}", "\"messages\"", "\"instruction\"");
    }

    @Test
    void rowsOfNoKnownShapeLearnOfColumns() throws IOException {
        Path file = file("a.jsonl", "{\"question\": \"what\", \"answer\": \"that\"}\n");
        assertThatThrownBy(() -> Rows.read(file))
                .hasMessageContaining("row 1: has none of the known shapes; its keys are \"question\", \"answer\"")
                .hasMessageContaining(
                        "can say what other columns mean, such as {prompt: question, completion: answer}");
        var columns = Map.of("prompt", "question", "completion", "answer");
        assertThat(Rows.read(Input.of(file).withColumns(columns), Kind.COMPLETION))
                .extracting(Row::example)
                .containsExactly(new Example.PromptCompletion("what", "that"));
        assertThatThrownBy(() -> Rows.read(Input.of(file).withColumns(Map.of("text", "body")), Kind.COMPLETION))
                .hasMessageContaining("row 1: has no \"body\", which data.columns gives to text; its keys are");
        assertThatThrownBy(() -> Input.of(file).withColumns(Map.of("answer", "b")))
                .hasMessageContaining("columns gives \"answer\" a new place; expected one of", "completion");
    }

    @Test
    void mappedColumnsDecideBetweenShapes() throws IOException {
        Path file = file("a.jsonl", "{\"text\": \"t\", \"q\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n");
        assertThat(Rows.read(
                        Input.of(file).withColumns(Map.of("prompt", "q", "completion", "chosen")), Kind.COMPLETION))
                .extracting(Row::example)
                .containsExactly(new Example.PromptCompletion("a", "b"));
    }

    @Test
    void severalShapesInOneFileAreListed() throws IOException {
        Path file = file("mixed.jsonl", """
                {"text": "a"}
                {"prompt": "a", "completion": "b"}
                {"text": "c"}
                {"messages": [{"role": "assistant", "content": "b"}]}
                {"nothing": 1}
                """);
        assertThatThrownBy(() -> Rows.read(file))
                .hasMessageContaining("mixed.jsonl: its rows are of several shapes: text (2 rows, the first is row 1),"
                        + " prompt_completion (row 2), messages (row 4)")
                .hasMessageContaining("row 5: has no \"text\"");
    }

    @Test
    void rowThatFitsSeveralShapesIsAskedAbout() throws IOException {
        Path file = file("a.jsonl", "{\"text\": \"t\", \"prompt\": \"a\", \"completion\": \"b\"}\n");
        assertThatThrownBy(() -> Rows.read(file))
                .hasMessageContaining(
                        "row 1 fits several shapes: text and prompt_completion. Say which one with data.shape");
        assertThat(Rows.read(Input.of(file).withShape("text"), Kind.COMPLETION))
                .extracting(Row::example)
                .containsExactly(new Example.Text("t"));
        assertThatThrownBy(() -> Input.of(file).withShape("txt"))
                .hasMessageContaining("there is no shape \"txt\"", "text");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {"prompt": "a", "chosen": "b", "rejected": "c"}   | preference, a better and a worse answer | {completion: chosen}
            {"prompt": "a", "completion": "b", "label": true} | unpaired                                | data.shape
            {"text": "a", "label": "b"}                       | classification                          | {prompt: text, completion: label}
            {"prompt": "a", "solution": "b"}                  | prompt, a prompt without an answer      | {completion: that column}
            """)
    void rowsForOtherObjectivesAreNotLearntByMistake(String row, String found, String advice) throws IOException {
        Path file = file("a.jsonl", row);
        assertThatThrownBy(() -> Rows.read(file))
                .hasMessageContaining("row 1 is of shape " + found)
                .hasMessageContaining(advice);
    }

    @Test
    void everyFaultyFileOfAnInputIsNamed() throws IOException {
        file("a.jsonl", "{\"text\": \"a\"}\n{\"text\": 1}\n");
        file("b.jsonl", "");
        file("c.jsonl", "{\"text\": \"a\"}\n{\"txt\": \"b\"}\n");
        assertThatThrownBy(() -> Rows.read(Input.of(folder), Kind.COMPLETION))
                .message()
                .contains(
                        "a.jsonl: 1 of 2 rows cannot be used",
                        "b.jsonl is empty",
                        "c.jsonl: 1 of 2 rows",
                        "row 2: has no \"text\"");
    }

    @Test
    void columnsWithoutUseAreKnown() throws IOException {
        Path file = file("a.jsonl", "{\"text\": \"a\", \"source\": \"s\", \"id\": 1, \"gone\": null}\n");
        try (var reader = new ExampleReader(Input.of(file), Kind.COMPLETION)) {
            reader.forEachRemaining(row -> {});
            assertThat(reader.files())
                    .containsExactly(new ExampleReader.FileSummary(file, "text", 1, List.of("source", "id")));
        }
    }

    @Test
    void manyFaultsAreShortened() throws IOException {
        Path file = file("a.jsonl", "{}\n".repeat(25));
        assertThatThrownBy(() -> Rows.read(file))
                .message()
                .contains("25 of 25 rows", "row 10:", "… and 15 more")
                .doesNotContain("row 11:");
    }

    @Test
    void bytesThatAreNotUtf8AreLocated() throws IOException {
        Path file = folder.resolve("latin.jsonl");
        Files.write(file, new byte[] {'{', '}', '\n', '"', (byte) 0xE9, '"', '\n'});
        assertThatThrownBy(() -> Rows.read(file))
                .hasMessageContaining("row 2: is not UTF-8 text: byte 2 of the row is 0xE9");
        Path text = folder.resolve("latin.txt");
        Files.write(text, new byte[] {'a', (byte) 0xE9});
        assertThatThrownBy(() -> Rows.read(text)).hasMessageContaining("latin.txt is not UTF-8 text");
    }

    @ParameterizedTest
    @CsvSource({"a.jsonl, ''", "b.jsonl, ' '", "c.json, '[]'", "d.txt, ''"})
    void emptyFilesAreRefused(String name, String content) throws IOException {
        Path file = file(name, content);
        assertThatThrownBy(() -> Rows.read(file))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContaining("empty");
    }

    @Test
    void brokenArrayNamesTheLine() throws IOException {
        Path file = file("a.json", "[\n{\"text\": \"a\"},\n{\"text\" \"b\"}]");
        assertThatThrownBy(() -> Rows.read(file)).hasMessageContaining("not a valid JSON array: row 2: line 3, column");
    }

    @Test
    void missingFilesAndUnknownEndingsAreNamed() throws IOException {
        assertThatThrownBy(() -> Rows.read(folder.resolve("no.jsonl"))).hasMessageContaining("no.jsonl does not exist");
        Path xml = file("a.xml", "x");
        assertThatThrownBy(() -> Rows.read(xml)).hasMessageContaining(".jsonl", ".json", ".txt");
    }

    @Test
    void plainTextIsOneRowWithoutItsByteOrderMark() throws IOException {
        assertThat(Rows.read(file("a.txt", "\uFEFFOnce\nupon")))
                .containsExactly(new Row(folder.resolve("a.txt"), 1, new Example.Text("Once\nupon", true)));
    }

    @ParameterizedTest
    @CsvSource(nullValues = "-", textBlock = """
            sft/wikisql_train.jsonl,           COMPLETION,     text,              1000, -,        -
            sft/wikisql_valid.jsonl,           COMPLETION,     text,              100,  -,        -
            sft/gsm8k_train.jsonl,             COMPLETION,     prompt_completion, 2000, question, answer
            sft/gsm8k_dev.jsonl,               COMPLETION,     prompt_completion, 200,  question, answer
            sft/instructions_train.json,       COMPLETION,     alpaca,            935,  -,        -
            sft/instructions_dev.json,         COMPLETION,     alpaca,            55,   -,        -
            sft/identity.json,                 COMPLETION,     alpaca,            91,   -,        -
            sft/chat_dummy_conversation.json,  COMPLETION,     sharegpt,          500,  -,        -
            sft/toolcall_sharegpt.json,        COMPLETION,     sharegpt,          100,  -,        -
            preference/polite_train.json,      COMPLETION,     alpaca,            935,  -,        -
            preference/polite_train.json,      PREFERENCE,     preference,        935,  -,        -
            preference/polite_dev.json,        PREFERENCE,     preference,        55,   -,        -
            preference/dpo_sharegpt.json,      PREFERENCE,     preference,        199,  -,        -
            preference/kto_labels.json,        UNPAIRED,       unpaired,          200,  -,        -
            classification/sms_spam_train.tsv, CLASSIFICATION, classification,    4000, -,        -
            classification/sms_spam_dev.tsv,   CLASSIFICATION, classification,    600,  -,        -
            classification/sentiment_train.tsv,CLASSIFICATION, classification,    2100, -,        -
            classification/sentiment_dev.tsv,  CLASSIFICATION, classification,    300,  -,        -
            nlg/e2e_train.csv,                 COMPLETION,     prompt_completion, 3698, mr,       ref
            nlg/e2e_dev.csv,                   COMPLETION,     prompt_completion, 974,  mr,       ref
            text/botchan.txt,                  COMPLETION,     text,              1,    -,        -
            text/the-verdict.txt,              COMPLETION,     text,              1,    -,        -
            text/tinyshakespeare.txt,          COMPLETION,     text,              1,    -,        -
            text/tinystories_sample.txt,       COMPLETION,     text,              1,    -,        -
            """)
    void realDataSetsAreRead(String name, Kind kind, String shape, int rows, String prompt, String completion) {
        Path file = SharedData.file(name);
        Input input = prompt == null
                ? Input.of(file)
                : Input.of(file).withColumns(Map.of("prompt", prompt, "completion", completion));
        try (var reader = new ExampleReader(input, kind)) {
            int count = 0;
            for (; reader.hasNext(); count++) {
                assertThat(reader.next().file()).isEqualTo(file);
            }
            assertThat(count).isEqualTo(rows);
            assertThat(reader.files()).singleElement().satisfies(summary -> {
                assertThat(summary.shape()).isEqualTo(shape);
                assertThat(summary.rows()).isEqualTo(rows);
            });
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            sft/self_instruct_seed_tasks.jsonl            | its keys are "id", "name", "instruction", "instances", "is_classification"
            classification/clinc150_small_train_val.json  | its keys are "train", "val", "oos_train", "oos_val"
            """)
    void realFilesOfOtherShapesAreNamed(String name, String words) {
        Path file = SharedData.file(name);
        assertThatThrownBy(() -> Rows.read(file)).hasMessageContaining("row 1: has none of the known shapes; " + words);
    }

    private Path file(String name, String content) throws IOException {
        return Files.writeString(folder.resolve(name), content);
    }
}
