package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.SharedData;
import dev.graft.tokenizer.TinyTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataInspectCommandTest {
    @TempDir
    Path folder;

    @Test
    void saysShapesLengthsColumnsAndWhatMayBeWrong() throws IOException {
        Path rows = write("rows.jsonl", """
                {"prompt": "hello", "completion": " world", "kind": "a"}
                {"prompt": "use", "completion": " yes", "kind": "a"}
                {"prompt": "hello", "completion": " world", "kind": "a"}
                {"prompt": "mail ann@example.org", "completion": " no", "kind": "b"}
                """);
        Ran ran = Ran.graft("data", "inspect", rows);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out())
                .containsPattern("rows +4\n")
                .containsPattern("shape prompt_completion +4 rows")
                .containsPattern("exact duplicates +1 row: row 3\n")
                .containsPattern("personal data +email in 1 row")
                .containsPattern("kind +text 4\n +2 values: a 3 \\(75.0 %\\), b 1 \\(25.0 %\\)")
                .doesNotContain("tokens");
    }

    @Test
    void modelCountsTokensAsTrainingWould() throws IOException {
        Path model = TinyTokenizer.copyTo(Files.createDirectory(folder.resolve("model")));
        Path rows = write("rows.jsonl", """
                {"prompt": "hello", "completion": " world"}
                {"prompt": "hello hello", "completion": " yes no"}
                {"prompt": "hello", "completion": ""}
                """);
        Ran ran = Ran.graft("data", "inspect", rows, "--model", model, "--max-length", 4);
        assertThat(ran.out())
                .containsPattern("labelled tokens +2 to 3")
                .containsPattern("over-long +1 row of more than 4 tokens; \\d+ would fit all")
                .containsPattern("cannot be trained on +1 row\n +row 3: its completion is empty");
        assertThat(Ran.graft("data", "inspect", rows, "--max-length", 4).err()).contains("--model");
    }

    @Test
    void columnsOfOtherNamesAndAnotherTemplateAreUsedAsInTraining() throws IOException {
        Path model = TinyTokenizer.copyTo(Files.createDirectory(folder.resolve("model")));
        Path rows = write("rows.jsonl", "{\"q\": \"hello\", \"a\": \" world\"}\n{\"q\": \"hello\"}\n");
        Ran renamed = Ran.graft("data", "inspect", rows, "--columns", "prompt=q,completion=a", "--model", model);
        assertThat(renamed.out())
                .containsPattern("shape prompt_completion +1 row\n")
                .containsPattern("labelled tokens +2 to 2")
                .containsPattern(
                        "cannot be trained on +1 row\n +row 2: has no \"a\", which data.columns gives to completion");
        Path chat = write(
                "chat.jsonl",
                "{\"messages\": [{\"role\": \"user\", \"content\": \"yes\"},"
                        + " {\"role\": \"assistant\", \"content\": \"hello\"}]}\n");
        Path template = write(
                "short.jinja", "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}");
        assertThat(Ran.graft("data", "inspect", chat, "--model", model, "--chat-template", template)
                        .out())
                .containsPattern("\\n +tokens +4 to 4");
        assertThat(Ran.graft("data", "inspect", chat, "--chat-template", template)
                        .err())
                .contains("--model");
    }

    @Test
    void rowsOfWrongTypesAreNamedWithoutAModelToo() throws IOException {
        Path rows = write("rows.jsonl", "{\"prompt\": 1, \"completion\": \"a\"}\n{\"text\": \"a\"}\n");
        assertThat(Ran.graft("data", "inspect", rows).out())
                .containsPattern("cannot be trained on +1 row\n +row 1: \"prompt\" is the number 1; expected a string");
    }

    @Test
    void aTextFileIsNeverTooLong() throws IOException {
        Path model = TinyTokenizer.copyTo(Files.createDirectory(folder.resolve("model")));
        Path book = write("book.txt", "hello world ".repeat(20));
        assertThat(Ran.graft("data", "inspect", book, "--model", model, "--max-length", 4)
                        .out())
                .containsPattern("tokens +\\d\\d")
                .doesNotContain("over-long");
    }

    @Test
    void brokenRowsAreNamedAndTheOthersLookedAt() throws IOException {
        Path rows = write("rows.jsonl", "{\"text\": \"a\"}\n{\"text\": \n{\"question\": \"b\"}\n");
        Ran ran = Ran.graft("data", "inspect", rows);
        assertThat(ran.exitCode()).isZero();
        assertThat(ran.out())
                .containsPattern("cannot be read +1 row\n +row 2 is not valid JSON")
                .containsPattern("shape none known +1 row; --columns");
        Path more = write("more.jsonl", "{\"text\": \"a\"}\n");
        assertThat(Ran.graft("data", "inspect", rows, more).out()).contains("rows.jsonl row 2", "more.jsonl row 1");
    }

    @Test
    void pageIsWellFormedAndNotReplacedUnasked() throws Exception {
        Path rows = write(
                "<b>.jsonl",
                "{\"text\": \"<script>\", \"label\": \"<i>\"}\n".repeat(4) + "{\"text\": \"b\", \"label\": \"&\"}\n");
        Path page = folder.resolve("page.html");
        assertThat(Ran.graft("data", "inspect", rows, "--html", page).exitCode())
                .isZero();
        String html = Files.readString(page);
        DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(html.getBytes(StandardCharsets.UTF_8)));
        assertThat(html).contains("&lt;b&gt;.jsonl", "&lt;i&gt;", "<svg");
        Ran again = Ran.graft("data", "inspect", rows, "--html", page);
        assertThat(again.exitCode()).isEqualTo(1);
        assertThat(again.err()).contains("exists", "--overwrite");
        assertThat(Ran.graft("data", "inspect", rows, "--html", page, "--overwrite")
                        .exitCode())
                .isZero();
    }

    @Test
    void realMessagesShowTheirRepetitionsAndBalance() {
        Ran ran = Ran.graft("data", "inspect", SharedData.file("classification/sms_spam_train.tsv"));
        assertThat(ran.out())
                .containsPattern("rows +4,000")
                .containsPattern("exact duplicates +240 rows: row 105, row 156")
                .contains("ham 3,466 (86.7 %), spam 534 (13.4 %)");
    }

    @Test
    void inputThatIsNotThereOrEmptyIsAnError() throws IOException {
        assertThat(Ran.graft("data", "inspect", folder.resolve("none.jsonl"))).satisfies(ran -> {
            assertThat(ran.exitCode()).isEqualTo(1);
            assertThat(ran.err()).contains("none.jsonl");
        });
        Ran empty = Ran.graft("data", "inspect", write("empty.jsonl", ""));
        assertThat(empty.exitCode()).isEqualTo(1);
        assertThat(empty.err()).contains("there are no rows");
        assertThat(Ran.graft("data", "inspect").exitCode()).isEqualTo(2);
        assertThat(Ran.graft("data", "inspect", folder.resolve("empty.jsonl"), "--near-duplicates", 2)
                        .err())
                .contains("--near-duplicates is 2.0; expected more than 0 and at most 1");
    }

    private Path write(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }
}
