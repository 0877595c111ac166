package dev.graft.data;

import dev.graft.data.LabelledTokens.NothingToTrain;
import dev.graft.data.TokenizationOptions.TrainOn;
import dev.graft.tokenizer.Encoded;
import dev.graft.tokenizer.Message;
import dev.graft.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;

/// Rows to token ids and to the marks that say which tokens are learnt.
///
/// - Prompt and completion are tokenised **as one text**, as the model will meet them, and the end-of-text
///   token follows. The completion and that token are learnt; a token that spans the seam counts as
///   completion.
/// - A conversation is rendered by the chat template, which also writes all special tokens; what the
///   assistant says and the token that ends its turn are learnt. The template has to write the beginning of
///   a conversation as the beginning of its text.
/// - Of a text everything is learnt. A whole text file is cut into pieces that do not overlap.
///
/// What begins a text (`<s>`) is added where the tokenizer itself does so.
public final class ExampleTokenizer {
    private final Tokenizer tokenizer;
    private final TokenizationOptions options;

    public ExampleTokenizer(Tokenizer tokenizer, TokenizationOptions options) {
        this.tokenizer = tokenizer;
        this.options = options;
    }

    /// Tokenises every row. Rows that cannot be used are all named in one exception.
    public Tokenization apply(List<Row> rows) {
        if (rows.isEmpty()) {
            throw new IllegalArgumentException("there are no rows to tokenise; at least one is needed");
        }
        var tokens = new TokenRows.InMemory(rows.getFirst().file());
        new ParallelTokenizing(this).run(rows.iterator(), tokens.file(), tokens::add);
        var cutting = new Cutting(List.of(tokens), options);
        for (int row = 0; row < tokens.size(); row++) {
            cutting.add(0, row);
        }
        return cutting.finish();
    }

    /// The row as a prompt and an expected answer; empty for a text and for a conversation that does not end
    /// with the assistant.
    public Optional<Question> question(Row row) {
        return switch (row.example()) {
            case Example.PromptCompletion pair ->
                Optional.of(new Question(row.number(), promptIds(pair.prompt()), pair.prompt(), pair.completion()));
            case Example.Chat chat ->
                new ChatTokens(tokenizer).question(row.number(), chat.messages(), chat.variables());
            case Example _ -> Optional.empty();
        };
    }

    /// A prompt as the model sees it in generation: what the tokenizer puts before a text, and nothing
    /// behind it.
    public int[] promptIds(String prompt) {
        return content(tokenizer.encodeWithOffsets(prompt, true));
    }

    public TokenizationOptions options() {
        return options;
    }

    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /// All tokens of a row, however many.
    ///
    /// @throws NothingToTrain            when nothing in it is learnt
    /// @throws IllegalArgumentException  when it cannot be tokenised, with the reason
    LabelledTokens tokens(Row row) {
        LabelledTokens marked = switch (row.example()) {
            case Example.PromptCompletion pair -> pair(pair);
            case Example.Chat chat -> chat(chat);
            case Example.Text text -> text(text);
            case Example other ->
                throw new IllegalArgumentException("is a %s, from which no text is learnt"
                        .formatted(other.getClass().getSimpleName()));
        };
        return options.trainOn() == TrainOn.ALL ? marked.whole() : marked;
    }

    private LabelledTokens chat(Example.Chat chat) {
        return new ChatTokens(tokenizer).of(chat.messages(), chat.variables(), learnt(chat));
    }

    private IntPredicate learnt(Example.Chat chat) {
        List<Message> messages = chat.messages();
        return switch (options.trainOn()) {
            case COMPLETION -> turn -> turn >= chat.promptTurns();
            case ASSISTANT, ALL -> turn -> true;
            case LAST_ASSISTANT -> {
                int last = messages.size() - 1;
                while (last >= 0 && !messages.get(last).role().equals("assistant")) {
                    last--;
                }
                int only = last;
                yield turn -> turn == only;
            }
        };
    }

    private LabelledTokens pair(Example.PromptCompletion pair) {
        if (pair.completion().isBlank()) {
            throw new NothingToTrain("its completion is empty");
        }
        int seam = pair.prompt().length();
        Encoded encoded = tokenizer.encodeWithOffsets(pair.prompt() + pair.completion(), true);
        int[] ids = content(encoded);
        int first = ids.length;
        while (first > 0 && encoded.ends()[first - 1] > seam) {
            first--;
        }
        boolean fused = !Arrays.equals(promptIds(pair.prompt()), Arrays.copyOf(ids, first));
        return LabelledTokens.from(first, closed(ids), fused);
    }

    private LabelledTokens text(Example.Text text) {
        if (text.text().isEmpty()) {
            throw new NothingToTrain("its text is empty");
        }
        if (options.trainOn() == TrainOn.ASSISTANT || options.trainOn() == TrainOn.LAST_ASSISTANT) {
            throw new NothingToTrain("it is text, in which no assistant speaks; set train_on to completion or all");
        }
        return LabelledTokens.from(0, closed(content(tokenizer.encodeWithOffsets(text.text(), true))), false);
    }

    /// The ids without those that the tokenizer's post-processor put behind the text.
    private int[] content(Encoded encoded) {
        int end = encoded.size();
        while (end > 0 && encoded.special()[end - 1] && !isBos(encoded.ids()[end - 1])) {
            end--;
        }
        return Arrays.copyOf(encoded.ids(), end);
    }

    private boolean isBos(int id) {
        return tokenizer.bosId().isPresent() && tokenizer.bosId().getAsInt() == id;
    }

    private int[] closed(int[] ids) {
        int eos = tokenizer.eosId().orElseThrow(() -> new IllegalArgumentException("""
                        the tokenizer names no end-of-text token, so a model could not learn where to stop; \
                        set "eos_token" in its tokenizer_config.json"""));
        if (ids.length > 0 && ids[ids.length - 1] == eos) {
            return ids;
        }
        int[] closed = Arrays.copyOf(ids, ids.length + 1);
        closed[ids.length] = eos;
        return closed;
    }
}
