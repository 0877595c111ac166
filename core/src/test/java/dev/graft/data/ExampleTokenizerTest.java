package dev.graft.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.SharedData;
import dev.graft.data.TokenizationOptions.Overlong;
import dev.graft.data.TokenizationOptions.TrainOn;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.Message;
import dev.graft.tokenizer.TinyTokenizer;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExampleTokenizerTest {
    private final Tokenizer tokenizer = TinyTokenizer.load();

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        tokenizer.close();
    }

    @Test
    void completionAndEndOfTextAreLearntAndThePromptIsNot() {
        assertThat(marked(pair("hello", " world yes"))).containsExactly("<s>", "hello", "[ world]", "[ yes]", "[</s>]");
    }

    @Test
    void tokenThatSpansTheSeamCountsAsCompletion() {
        Tokenization result = apply(TokenizationOptions.upTo(64), pair("hello ", "world"), pair("hello", " world"));
        assertThat(marked(result.examples().get(0))).containsExactly("<s>", "hello", "[ world]", "[</s>]");
        assertThat(result.fused()).containsExactly(1);
        assertThat(result.summary()).contains("in 1 rows the end of the prompt fuses");
    }

    @Test
    void spacesOnTheirOwnBelongToTheSideTheyAreOn() {
        assertThat(marked(pair("hello\n", "\n yes"))).containsExactly("<s>", "hello", "\n", "[\n]", "[ yes]", "[</s>]");
    }

    @Test
    void endOfTextIsNotDoubled() {
        assertThat(marked(pair("hello", " yes</s>"))).containsExactly("<s>", "hello", "[ yes]", "[</s>]");
    }

    @Test
    void emptyPromptLearnsEverythingBehindTheStart() {
        assertThat(marked(pair("", "hello"))).containsExactly("<s>", "[hello]", "[</s>]");
    }

    @Test
    void allOfATextIsLearnt() {
        assertThat(marked(new Example.Text("hello world"))).containsExactly("<s>", "[hello]", "[ world]", "[</s>]");
    }

    @Test
    void assistantTurnsAndTheirEndsAreLearntInConversations() {
        assertThat(marked(chat("user", "hello", "assistant", "yes\n\nno", "user", "no", "assistant", "hello")))
                .containsExactly(("<|im_start|> user \n hello <|im_end|> \n <|im_start|> assistant \n"
                                + " [y] [e] [s] [\n] [\n] [n] [o] [<|im_end|>] \n <|im_start|> user \n n o"
                                + " <|im_end|> \n <|im_start|> assistant \n [hello] [<|im_end|>] \n")
                        .split(" "));
    }

    @Test
    void templateThatBeginsWithTheStartTokenGetsNoSecondOne() throws IOException {
        try (var own = withTemplate("{{ bos_token }}{% for m in messages %}{{ m.content }}</s>{% endfor %}")) {
            Tokenized result = tokenization(own, chat("user", "hello", "assistant", "hello"));
            assertThat(marked(own, result)).containsExactly("<s>", "hello", "</s>", "[hello]", "[</s>]");
        }
    }

    @Test
    void endOfTextThatClosesEveryRenderingDoesNotHideEarlierTurns() throws IOException {
        try (var phi = withTemplate("{% for m in messages %}{{ m.content + '<|im_end|>' }}{% endfor %}"
                + "{% if not add_generation_prompt %}{{ eos_token }}{% endif %}")) {
            Tokenized result = tokenization(phi, chat("assistant", "hello", "user", "hello", "assistant", "hello"));
            assertThat(marked(phi, result))
                    .containsExactly(
                            "hello", "[<|im_end|>]", "hello", "<|im_end|>", "[hello]", "[<|im_end|>]", "[</s>]");
        }
    }

    @Test
    void templateThatRewritesEarlierTextIsRefused() throws IOException {
        try (var own = withTemplate("{% for m in messages %}{{ m.content }}{% endfor %}"
                + "{% if add_generation_prompt %}think{% endif %}")) {
            assertThatThrownBy(() -> tokenization(own, chat("user", "hello", "assistant", "yes")))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("rows.jsonl: 1 of 1 rows cannot be tokenised")
                    .hasMessageContaining(
                            "row 1: the chat template writes the conversation up to message 2 differently")
                    .hasMessageContaining("\"hellothink\" becomes \"helloyes\"");
        }
    }

    @Test
    void conversationsNeedAChatTemplate() throws IOException {
        TinyTokenizer.copyTo(folder);
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"</s>\"}");
        try (var base = Tokenizer.load(folder)) {
            assertThatThrownBy(() -> tokenization(base, chat("user", "a", "assistant", "b")))
                    .hasMessageContaining("row 1: has \"messages\", but the model has no chat template");
        }
    }

    @Test
    void rowsNeedAnEndOfTextToken() throws IOException {
        TinyTokenizer.copyTo(folder);
        Files.writeString(folder.resolve("tokenizer_config.json"), "{}");
        Files.writeString(folder.resolve("generation_config.json"), "{}");
        try (var endless = Tokenizer.load(folder)) {
            assertThatThrownBy(() -> tokenization(endless, pair("a", "b"))).hasMessageContaining("\"eos_token\"");
        }
    }

    @Test
    void rowsWithNothingToTrainOnAreAllNamed() {
        assertThatThrownBy(() -> apply(
                        TokenizationOptions.upTo(64),
                        pair("hello", " "),
                        pair("hello", " yes"),
                        chat("user", "hello"),
                        chat("user", "hello", "assistant", ""),
                        new Example.Text("")))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .contains("rows.jsonl: 4 of 5 rows have nothing to train on")
                .contains("row 1: its completion is empty")
                .contains("row 3: the assistant says nothing")
                .contains("row 4: the assistant says nothing")
                .contains("row 5: its text is empty");
    }

    @Test
    void overlongRowsAreAllNamedWithTheLimitThatWouldFit() {
        assertThatThrownBy(() -> apply(
                        TokenizationOptions.upTo(4),
                        pair("hello", " yes"), // 4 tokens
                        pair("hello", " yes yes"), // 5
                        pair("hello hello", " yes"))) // <s> hello ' ' hello yes </s> = 6
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .contains("2 of 3 rows are longer than max_length = 4")
                .contains("row 2: 5 tokens", "row 3: 6 tokens")
                .contains("max_length 6 would fit them all", "truncate_end", "drop");
    }

    @Test
    void overlongRowsCanBeDroppedOrCutAndAreCounted() {
        var upTo4 = TokenizationOptions.upTo(4);
        Example[] rows = {pair("hello", " yes"), pair("hello", " yes yes")};

        Tokenization dropped = apply(upTo4.withOverlong(Overlong.DROP), rows);
        assertThat(dropped.examples()).extracting(Tokenized::row).containsExactly(1);
        assertThat(dropped.dropped()).containsExactly(2);
        assertThat(dropped.summary()).isEqualTo("1 examples, 4 tokens, 2 of them labelled; 1 row dropped as too long");

        Tokenization cut = apply(upTo4.withOverlong(Overlong.TRUNCATE_END), rows);
        assertThat(marked(cut.examples().get(1))).containsExactly("<s>", "hello", "[ yes]", "[ yes]");
        assertThat(cut.truncated()).containsExactly(2);
        assertThat(cut.summary()).endsWith("; 1 row cut");
    }

    @Test
    void cuttingAwayAllThatIsLearntIsAnError() {
        var options = TokenizationOptions.upTo(2).withOverlong(Overlong.TRUNCATE_END);
        assertThatThrownBy(() -> apply(options, pair("hello", " yes")))
                .hasMessageContaining("row 1: its first 2 tokens hold nothing that is learnt");
    }

    @Test
    void droppingEveryRowIsAnError() {
        var options = TokenizationOptions.upTo(2).withOverlong(Overlong.DROP);
        assertThatThrownBy(() -> apply(options, pair("hello", " yes")))
                .hasMessageContaining("all 1 rows were dropped")
                .hasMessageContaining("4 would fit");
    }

    @Test
    void textFileIsCutIntoPiecesThatJoinToTheWhole() {
        var options = TokenizationOptions.upTo(3);
        List<Tokenized> pieces =
                apply(options, new Example.Text("hello world yes no", true)).examples();

        assertThat(pieces).hasSize(2);
        assertThat(marked(pieces.get(0))).containsExactly("<s>", "[hello]", "[ world]");
        assertThat(marked(pieces.get(1))).containsExactly(" yes", "[ no]", "[</s>]");
        // one token would be left over for a third piece: it predicts nothing
        assertThat(apply(options, new Example.Text("hello world yes no yes", true))
                        .examples())
                .hasSize(2);
    }

    @Test
    void overlongRowsCanLoseTheirBeginningOrBecomeSeveral() {
        var upTo4 = TokenizationOptions.upTo(4);
        Example long7 = pair("hello hello", " yes yes"); // <s> hello ' ' hello [yes] [yes] [</s>]

        Tokenization end = apply(upTo4.withOverlong(Overlong.TRUNCATE_START), long7);
        assertThat(marked(end.examples().getFirst())).containsExactly("hello", "[ yes]", "[ yes]", "[</s>]");
        assertThat(end.changes())
                .containsExactly(
                        new RowChange(Path.of("rows.jsonl"), 1, RowChange.What.CUT, 7, 4, "lost its beginning"));

        Tokenization split = apply(upTo4.withOverlong(Overlong.SPLIT), long7, pair("hello", " yes"));
        assertThat(split.examples()).extracting(Tokenized::row).containsExactly(1, 2);
        // the first piece is all prompt; of the second, its first token has nothing before it to be predicted from
        assertThat(marked(split.examples().getFirst())).containsExactly(" yes", "[ yes]", "[</s>]");
        assertThat(split.changes())
                .containsExactly(new RowChange(
                        Path.of("rows.jsonl"),
                        1,
                        RowChange.What.SPLIT,
                        7,
                        3,
                        "split into 1 examples; 1 pieces in which nothing is learnt were left out"));
        assertThat(split.summary()).contains("; 1 row split");
    }

    @Test
    void rowCutToItsPromptIsAFault() {
        assertThatThrownBy(() -> apply(
                        TokenizationOptions.upTo(3).withOverlong(Overlong.TRUNCATE_END),
                        pair("hello hello hello", " yes"),
                        pair("", "yes")))
                .hasMessageContaining("rows.jsonl: 1 of 2 rows have nothing to train on")
                .hasMessageContaining("row 1: its first 3 tokens hold nothing that is learnt");
    }

    @Test
    void whatARowTellsItsTemplateIsRendered() {
        String template = "{{ documents[0].title }}{% if enable_thinking %}think{% endif %}"
                + "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}";
        Example chat = new Example.Chat(
                List.of(new Message("assistant", "yes")),
                List.of(),
                Map.of("documents", List.of(Map.of("title", "hello")), "enable_thinking", true),
                0);
        try (Tokenizer tokenizer = TinyTokenizer.load(new ChatTemplate(template, Map.of()))) {
            Tokenized row = new ExampleTokenizer(tokenizer, TokenizationOptions.upTo(99))
                    .apply(List.of(new Row(Path.of("rows.jsonl"), 1, chat)))
                    .examples()
                    .getFirst();
            assertThat(tokenizer.decode(row.ids(), false)).isEqualTo("hellothinkyes");
        }
    }

    @Test
    void trainOnChoosesTheTurns() {
        Example chat = new Example.Chat(
                List.of(
                        new Message("assistant", "hello"),
                        new Message("user", "no"),
                        new Message("assistant", "yes"),
                        new Message("assistant", "no")),
                List.of(),
                2);
        assertThat(learnt(TrainOn.COMPLETION, chat)).isEqualTo("yes<|im_end|>no<|im_end|>");
        assertThat(learnt(TrainOn.ASSISTANT, chat)).isEqualTo("hello<|im_end|>yes<|im_end|>no<|im_end|>");
        assertThat(learnt(TrainOn.LAST_ASSISTANT, chat)).isEqualTo("no<|im_end|>");
        assertThat(learnt(TrainOn.ALL, chat)).startsWith("assistant\nhello<|im_end|>\n<|im_start|>user\nno");
        assertThat(learnt(TrainOn.LAST_ASSISTANT, pair("hello", " yes"))).isEqualTo(" yes</s>");
        assertThatThrownBy(() -> learnt(TrainOn.ASSISTANT, new Example.Text("hello")))
                .hasMessageContaining("row 1: it is text, in which no assistant speaks; set train_on to completion");
    }

    private String learnt(TrainOn trainOn, Example example) {
        Tokenized row = apply(TokenizationOptions.upTo(200).withTrainOn(trainOn), example)
                .examples()
                .getFirst();
        var ids = IntStream.range(0, row.tokens()).filter(i -> row.labels()[i]).map(i -> row.ids()[i]);
        return tokenizer.decode(ids.toArray(), false);
    }

    @Test
    void bookOfAMegabyteIsCutInSeconds() {
        Path model = SharedData.file("models/stories260k/hf");
        try (var stories = Tokenizer.load(model)) {
            var rows = Rows.read(SharedData.file("text/tinyshakespeare.txt"));
            Tokenization result = new ExampleTokenizer(stories, TokenizationOptions.upTo(256)).apply(rows);
            assertThat(result.examples()).hasSizeGreaterThan(1_000).allMatch(piece -> piece.tokens() <= 256);
            assertThat(result.labelledTokens())
                    .isEqualTo(result.tokens() - result.examples().size());
        }
    }

    @Test
    void questionsAreThePromptAsInGeneration() {
        var tokens = new ExampleTokenizer(tokenizer, TokenizationOptions.upTo(64));
        Question pair = tokens.question(row(7, pair("hello", " yes"))).orElseThrow();
        assertThat(pair.row()).isEqualTo(7);
        assertThat(tokenizer.decode(pair.promptIds(), false)).isEqualTo("<s>hello");
        assertThat(pair.answer()).isEqualTo(" yes");

        Question chat = tokens.question(row(1, chat("user", "hello", "assistant", "no")))
                .orElseThrow();
        assertThat(tokenizer.decode(chat.promptIds(), false))
                .isEqualTo(chat.prompt())
                .isEqualTo("<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n");
        assertThat(chat.answer()).isEqualTo("no");

        assertThat(tokens.question(row(1, chat("user", "hello")))).isEmpty();
        assertThat(tokens.question(row(1, new Example.Text("hello")))).isEmpty();
    }

    @Test
    void maxLengthBelowTwoIsRefused() {
        assertThatThrownBy(() -> TokenizationOptions.upTo(1)).hasMessageContaining("maxLength is 1");
    }

    private Tokenizer withTemplate(String source) throws IOException {
        TinyTokenizer.copyTo(folder);
        Files.writeString(folder.resolve("chat_template.jinja"), source);
        return Tokenizer.load(folder);
    }

    private static Example pair(String prompt, String completion) {
        return new Example.PromptCompletion(prompt, completion);
    }

    private static Example chat(String... rolesAndContents) {
        List<Message> messages = new ArrayList<>();
        for (int i = 0; i < rolesAndContents.length; i += 2) {
            messages.add(new Message(rolesAndContents[i], rolesAndContents[i + 1]));
        }
        return new Example.Chat(messages);
    }

    private static Row row(int number, Example example) {
        return new Row(Path.of("rows.jsonl"), number, example);
    }

    private Tokenization apply(TokenizationOptions options, Example... examples) {
        List<Row> rows = new ArrayList<>();
        for (Example example : examples) {
            rows.add(row(rows.size() + 1, example));
        }
        return new ExampleTokenizer(tokenizer, options).apply(rows);
    }

    private static Tokenized tokenization(Tokenizer tokenizer, Example example) {
        return new ExampleTokenizer(tokenizer, TokenizationOptions.upTo(64))
                .apply(List.of(row(1, example)))
                .examples()
                .getFirst();
    }

    private List<String> marked(Example example) {
        return marked(tokenization(tokenizer, example));
    }

    private List<String> marked(Tokenized example) {
        return marked(tokenizer, example);
    }

    /// The text of each token, in brackets where it is learnt.
    private static List<String> marked(Tokenizer tokenizer, Tokenized example) {
        List<String> tokens = new ArrayList<>();
        for (int i = 0; i < example.tokens(); i++) {
            String text = tokenizer.decode(new int[] {example.ids()[i]}, false);
            tokens.add(example.labels()[i] ? "[" + text + "]" : text);
        }
        return tokens;
    }
}
