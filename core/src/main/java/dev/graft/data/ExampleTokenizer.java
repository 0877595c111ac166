package dev.graft.data;

import dev.graft.data.LabelledTokens.NothingToTrain;
import dev.graft.data.TokenizationOptions.TrainOn;
import dev.graft.tokenizer.Encoded;
import dev.graft.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// Rows to token ids and to the marks that say which tokens are learnt.
///
/// - Prompt and completion are tokenised **as one text**, as the model will meet them, and the end-of-text
///   token follows. The completion and that token are learnt; a token that spans the seam counts as completion.
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
        var run = new Run();
        rows.forEach(run::add);
        return run.finish(rows);
    }

    /// The row as a prompt and an expected answer; empty for a text and for a conversation that does not end
    /// with the assistant.
    public Optional<Question> question(Row row) {
        return switch (row.example()) {
            case Example.PromptCompletion pair ->
                Optional.of(new Question(row.number(), promptIds(pair.prompt()), pair.prompt(), pair.completion()));
            case Example.Chat chat -> new ChatTokens(tokenizer).question(row.number(), chat.messages());
            case Example _ -> Optional.empty();
        };
    }

    /// A prompt as the model sees it in generation: what the tokenizer puts before a text, and nothing
    /// behind it.
    public int[] promptIds(String prompt) {
        return content(tokenizer.encodeWithOffsets(prompt, true));
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

    /// One pass over the rows: what came of them, and the faults found.
    private final class Run {
        private final List<Tokenized> examples = new ArrayList<>();
        private final List<Integer> truncated = new ArrayList<>();
        private final List<Integer> dropped = new ArrayList<>();
        private final List<Integer> fused = new ArrayList<>();
        private final Faults broken = new Faults();
        private final Faults nothing = new Faults();
        private final Faults overlong = new Faults();
        private final int limit = options.maxLength();
        private int longest;

        void add(Row row) {
            int number = row.number();
            try {
                switch (row.example()) {
                    case Example.PromptCompletion pair -> whole(number, pair(pair));
                    case Example.Chat chat -> whole(number, new ChatTokens(tokenizer).of(chat.messages()));
                    case Example.Text text when text.windowed() -> windows(number, text(text));
                    case Example.Text text -> whole(number, text(text));
                    case Example other ->
                        throw new IllegalArgumentException("is a %s, from which no text is learnt"
                                .formatted(other.getClass().getSimpleName()));
                }
            } catch (NothingToTrain e) {
                nothing.add(number, e.getMessage());
            } catch (IllegalArgumentException e) {
                broken.add(number, e.getMessage());
            }
        }

        private void whole(int row, LabelledTokens marked) {
            LabelledTokens all = options.trainOn() == TrainOn.ALL ? marked.whole() : marked;
            int length = all.length();
            longest = Math.max(longest, length);
            if (length > limit) {
                switch (options.overlong()) {
                    case ERROR -> overlong.add(row, "%,d tokens".formatted(length));
                    case DROP -> dropped.add(row);
                    case TRUNCATE_END -> {
                        keep(
                                all.piece(0, limit, row),
                                "its first %,d tokens hold nothing that is learnt".formatted(limit));
                        truncated.add(row);
                    }
                }
                return;
            }
            keep(all.piece(0, length, row), "none of its tokens is learnt");
            if (all.fused()) {
                fused.add(row);
            }
        }

        private void keep(Tokenized example, String reasonIfUnlabelled) {
            if (example.labelledCount() == 0) {
                throw new NothingToTrain(reasonIfUnlabelled);
            }
            examples.add(example);
        }

        /// A last piece of a single token predicts nothing and is left out.
        private void windows(int row, LabelledTokens all) {
            for (int from = 0; from + 1 < all.length(); from += limit) {
                examples.add(all.piece(from, Math.min(all.length(), from + limit), row));
            }
        }

        Tokenization finish(List<Row> rows) {
            if (rows.isEmpty()) {
                throw new IllegalArgumentException("there are no rows to tokenise; at least one is needed");
            }
            String file = rows.getFirst().file().toString();
            broken.throwIfAny(
                    "%s: %,d of %,d rows cannot be tokenised:".formatted(file, broken.count(), rows.size()),
                    "Correct these rows, or choose a model whose tokenizer and chat template fit them.");
            nothing.throwIfAny(
                    "%s: %,d of %,d rows have nothing to train on:".formatted(file, nothing.count(), rows.size()),
                    "Remove these rows, or give each a completion, or something that the assistant says.");
            overlong.throwIfAny(
                    "%s: %,d of %,d rows are longer than max_length = %d:"
                            .formatted(file, overlong.count(), rows.size(), limit),
                    "max_length %d would fit them all; or set overlong to truncate_end or drop.".formatted(longest));
            if (examples.isEmpty()) {
                throw new IllegalArgumentException(
                        "%s: all %,d rows were dropped as longer than max_length = %d; %d would fit them all"
                                .formatted(file, rows.size(), limit, longest));
            }
            return new Tokenization(examples, truncated, dropped, fused);
        }
    }
}
