package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.tokenizer.TinyTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataTokensCommandTest {
    @TempDir
    Path folder;

    private Path rows;
    private Path model;

    @BeforeEach
    void writeRows() throws IOException {
        model = TinyTokenizer.copyTo(Files.createDirectory(folder.resolve("model")));
        rows = write("rows.jsonl", """
                {"prompt": "hello", "completion": " world"}
                {"prompt": "hello\\n", "completion": " yes\\tno"}
                {"prompt": "use", "completion": " ⟦no⟧"}
                {"prompt": "user", "completion": " é"}
                """);
    }

    @Test
    void marksSayWhatIsLearnt() {
        Ran ran = tokens(rows, "--limit", 2);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out().replace(System.lineSeparator(), "\n")).isEqualTo("""
                ⟦learnt⟧  given  ‹special token›  ⏎ line break  ⇥ tab

                %1$s row 1, prompt_completion: 4 tokens, 2 learnt
                ‹<s>›hello⟦ world‹</s>›⟧

                %1$s row 2, prompt_completion: 8 tokens, 5 learnt
                ‹<s>›hello⏎
                ⟦ yes⇥no‹</s>›⟧
                """.formatted(rows));
    }

    @Test
    void windowsOfATextFileAreShownAsExamples() throws IOException {
        Path text = write("book.txt", "hello world yes no ".repeat(20));
        Ran ran = tokens(text, "--max-length", 8, "--limit", 2);
        assertThat(ran.exitCode()).as(ran.out() + ran.err()).isZero();
        assertThat(ran.out())
                .contains("book.txt row 1, text, example 1 of ", "text, example 2 of ", "8 tokens, 7 learnt")
                .doesNotContain("example 3 of")
                .containsPattern("has \\d+ more examples; --limit shows them");
    }

    @Test
    void textThatLooksLikeAMarkIsWrittenAsItsCode() {
        assertThat(tokens(rows, "--rows", 3).out()).contains("use⟦ \\u{27E6}no\\u{27E7}‹</s>›⟧");
    }

    @Test
    void tokensOfOneCharacterStandTogether() {
        // in bytes: a space, C3 A9
        assertThat(tokens(rows, "--rows", 4, "--ids").out())
                .containsPattern("(?m)^ +0 +0 {10}‹<s>›$")
                .containsPattern("(?m)^ +\\d+ +\\d+\\+\\d+ {2}learnt {2}\"é\"$")
                .containsPattern("(?m)^ +\\d+ +1 {2}learnt {2}‹</s>›$");
    }

    @Test
    void rowsAreChosenByTheirNumbers() {
        Ran ran = tokens(rows, "--rows", "4,2");
        assertThat(ran.out()).contains("row 2,", "row 4,").doesNotContain("row 1,", "row 3,");
        Ran missing = tokens(rows, "--rows", "2,9");
        assertThat(missing.exitCode()).isEqualTo(1);
        assertThat(missing.err()).contains("rows.jsonl has no row 9");
    }

    @Test
    void conversationsAreRenderedByTheTemplateAndTrainOnChoosesTheTurns() throws IOException {
        Path chats = write("chats.jsonl", """
                {"messages": [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "no"}, \
                {"role": "user", "content": "use"}, {"role": "assistant", "content": "yes"}]}
                """);
        assertThat(tokens(chats).out())
                .contains("messages")
                .contains("‹<|im_start|>›assistant⏎\n⟦no‹<|im_end|>›⟧⏎\n‹<|im_start|>›user⏎\nuse‹<|im_end|>›⏎\n")
                .contains("⟦yes‹<|im_end|>›⟧⏎");
        assertThat(tokens(chats, "--train-on", "last_assistant").out()).contains("⏎\nno‹<|im_end|>›⏎", "⟦yes‹");
        assertThat(tokens(chats, "--chat-template", "alpaca").out())
                .contains("### Response:")
                .doesNotContain("im_start");
        assertThat(tokens(chats, "--train-on", "user").exitCode()).isEqualTo(2);
    }

    @Test
    void rowsAreCutAsTrainingCutsThem() {
        assertThat(tokens(rows, "--rows", 2, "--max-length", 6, "--overlong", "truncate_end")
                        .out())
                .contains("of 8 tokens: lost its end: 6 tokens, 3 learnt")
                .doesNotContain("</s>");
        assertThat(tokens(rows, "--rows", 2, "--max-length", 5, "--overlong", "split")
                        .out())
                .contains("example 1 of 2", "example 2 of 2");
        assertThat(tokens(rows, "--rows", 2, "--max-length", 5, "--overlong", "drop")
                        .out())
                .contains("row 2, prompt_completion", "is left out: 8 tokens, longer than max_length = 5");
    }

    @Test
    void rowsThatTrainingRefusesSayWhyAndFail() throws IOException {
        Path bad = write("bad.jsonl", """
                {"prompt": "hello", "completion": ""}
                {"prompt": "hello", "completion": " yes"}
                """);
        Ran ran = tokens(bad);
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.out()).contains("cannot be trained on", "its completion is empty", "⟦ yes");
        Ran broken = tokens(write("broken.jsonl", "{\"prompt\": 1\n"));
        assertThat(broken.exitCode()).isEqualTo(1);
        assertThat(broken.err()).contains("broken.jsonl: 1 of 1 rows cannot be used", "row 1");
        assertThat(tokens(rows, "--limit", 0).err()).contains("--limit is 0; it counts from 1");
    }

    @Test
    void columnsGetOtherNames() throws IOException {
        Path csv = write("rows.csv", "q,a\nhello, yes\n");
        assertThat(tokens(csv, "--columns", "prompt=q,completion=a").out()).contains("hello⟦ yes‹</s>›⟧");
        assertThat(tokens(csv, "--columns", "question=q").err()).contains("\"question\"", "prompt");
    }

    @Test
    void chatTemplateOfTheRecipeIsUsed() throws IOException {
        write("chat.jsonl", "{\"messages\": [{\"role\": \"assistant\", \"content\": \"yes\"}]}\n");
        write("own.jinja", "{% for m in messages %}no{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}");
        Path recipe = write("recipe.yaml", """
                model: model
                output_dir: out
                data: {train: chat.jsonl, chat_template: own.jinja}
                """);
        Ran ran = Ran.graft("data", "tokens", recipe);
        assertThat(ran.out()).as(ran.err()).contains("no⟦yes⟧");
        Path other = write(
                "other.jinja",
                "{% for m in messages %}use{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}");
        assertThat(Ran.graft("data", "tokens", recipe, "--chat-template", other).out())
                .contains("use⟦yes⟧");
    }

    @Test
    void recipeSaysEverything() throws IOException {
        Path recipe = write("recipe.yaml", """
                model: model
                output_dir: run
                data: {train: rows.jsonl, train_on: all, max_length: 50}
                """);
        Ran ran = Ran.graft("data", "tokens", "--recipe", recipe, "--limit", 1);
        assertThat(ran.out()).contains("4 tokens, 3 learnt", "‹<s>›⟦hello world‹</s>›⟧");
        assertThat(Ran.graft("data", "tokens", recipe, "--train-on", "completion")
                        .out())
                .contains("hello⟦ world");
        assertThat(Ran.graft("data", "tokens", recipe, "--set", "data.max_length=3")
                        .out())
                .contains("cannot be trained on: 4 tokens, longer than max_length = 3");
    }

    private Path write(String name, String text) throws IOException {
        return Files.writeString(folder.resolve(name), text);
    }

    private Ran tokens(Path input, Object... more) {
        List<Object> arguments = new ArrayList<>(List.of("data", "tokens", input, "--model", model));
        arguments.addAll(Arrays.asList(more));
        return Ran.graft(arguments.toArray());
    }
}
