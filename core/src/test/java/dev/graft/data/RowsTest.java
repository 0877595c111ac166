package dev.graft.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.SharedData;
import dev.graft.tokenizer.Message;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RowsTest {
    @TempDir
    Path folder;

    @Test
    void everyKnownShapeIsRead() throws IOException {
        List<Row> rows = Rows.read(file("all.jsonl", """
                {"prompt": "2+2=", "completion": "4", "source": "extra keys are fine"}
                {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
                {"text": "once"}
                {"instruction": "Add.", "input": "2 and 2", "output": "4"}
                {"instruction": "Sing.", "output": "La"}
                """));

        assertThat(rows)
                .extracting(Row::example)
                .containsExactly(
                        new Example.PromptCompletion("2+2=", "4"),
                        new Example.Chat(List.of(new Message("user", "hi"), new Message("assistant", "hello"))),
                        new Example.Text("once"),
                        new Example.PromptCompletion(
                                "Below is an instruction that describes a task, paired with an input that provides further"
                                        + " context. Write a response that appropriately completes the request.\n\n"
                                        + "### Instruction:\nAdd.\n\n### Input:\n2 and 2\n\n### Response:\n",
                                "4"),
                        new Example.PromptCompletion(
                                "Below is an instruction that describes a task. Write a response that appropriately"
                                        + " completes the request.\n\n### Instruction:\nSing.\n\n### Response:\n",
                                "La"));
        assertThat(rows.get(4).where()).isEqualTo(folder.resolve("all.jsonl") + " row 5");
    }

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
                {"text": "fine"}
                {"text": "cut of
                {"question": "what", "answer": "that"}
                {"prompt": "no completion"}
                {"messages": [{"role": "user", "content": ["a list"]}]}
                ["text"]
                {"text": "a"} {"text": "b"}
                {"messages": []}
                {"messages": [{"role": "assistant", "content": "", "tool_calls": [1]}]}
                {"text": null}
                """);
        assertThatThrownBy(() -> Rows.read(file))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .contains(file + ": 9 of 10 rows cannot be used:")
                .contains("row 2: is not valid JSON: column ")
                .contains("row 3: has none of the known shapes; its keys are \"question\", \"answer\"")
                .contains("row 4: has no \"completion\"")
                .contains("row 5: message 1 \"content\" is a list; expected a string")
                .contains("row 6: is a list; expected a JSON object")
                .contains("row 7: is not valid JSON")
                .contains("row 8: \"messages\" is an empty list")
                .contains("row 9: message 1 has \"tool_calls\"")
                .contains("row 10: \"text\" is null; expected a string")
                .contains("{\"prompt\": \"…\", \"completion\": \"…\"}", "\"messages\"", "\"instruction\"");
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
        assertThatThrownBy(() -> Rows.read(file)).hasMessageContaining("row 2: is not UTF-8 text");
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
        assertThatThrownBy(() -> Rows.read(file)).hasMessageContaining("not a valid JSON array: line 3, column");
    }

    @Test
    void missingFilesAndUnknownEndingsAreNamed() throws IOException {
        assertThatThrownBy(() -> Rows.read(folder.resolve("no.jsonl"))).hasMessageContaining("no.jsonl does not exist");
        Path csv = file("a.csv", "x");
        assertThatThrownBy(() -> Rows.read(csv)).hasMessageContaining(".jsonl, .json or .txt");
    }

    @Test
    void plainTextIsOneRowWithoutItsByteOrderMark() throws IOException {
        assertThat(Rows.read(file("a.txt", "\uFEFFOnce\nupon")))
                .containsExactly(new Row(folder.resolve("a.txt"), 1, new Example.Text("Once\nupon", true)));
    }

    @ParameterizedTest
    @CsvSource({
        "sft/wikisql_train.jsonl, 1000",
        "sft/instructions_train.json, 935",
        "preference/polite_train.json, 935",
        "text/botchan.txt, 1"
    })
    void realDataSetsAreRead(String name, int rows) {
        assertThat(Rows.read(SharedData.file(name))).hasSize(rows);
    }

    private Path file(String name, String content) throws IOException {
        return Files.writeString(folder.resolve(name), content);
    }
}
