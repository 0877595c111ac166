package dev.graft.data.check;

import dev.graft.data.Example;
import dev.graft.data.ExampleReader;
import dev.graft.data.InOrder;
import dev.graft.data.Input;
import dev.graft.data.Row;
import dev.graft.data.prepare.NearLeaks;
import dev.graft.data.shape.RowShape.Kind;
import dev.graft.tokenizer.Message;
import dev.graft.tokenizer.Tokenizer;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;

/// What is wrong with rows as texts: they are read once more, because their tokens no longer tell what
/// was text.
final class TextLints {
    private final SpecialTexts special;
    private final Places written = new Places();
    private final Places emptyPrompts = new Places();
    private boolean writtenInChats;

    TextLints(Tokenizer tokenizer) {
        this.special = new SpecialTexts(tokenizer.specialTokens().values());
    }

    /// What a worker finds in one row.
    private record Seen(Optional<String> special, boolean emptyPrompt, Optional<NearLeaks.Text> text) {}

    /// What stands in the rows of some files.
    ///
    /// @param forms  in which the rows are written, each with the first such row
    /// @param texts  of the rows that were asked for, by their index
    record Read(Map<String, String> forms, Map<Integer, NearLeaks.Text> texts) {}

    /// Reads every row.
    ///
    /// @param kept  which rows' texts are wanted, by their index through all inputs
    Read read(List<Input> inputs, IntPredicate kept) {
        var read = new Read(new TreeMap<>(), new TreeMap<>());
        int[] count = {0};
        for (Input input : inputs) {
            try (var rows = new Numbered(input, count)) {
                InOrder.run(rows, row -> size(row.row()), row -> seen(row, kept), (row, seen) -> {
                    note(row.row(), seen);
                    read.forms.putIfAbsent(form(row.row().example()), row.row().where());
                    seen.text.ifPresent(text -> read.texts.put(row.index(), text));
                });
            }
        }
        return read;
    }

    private Seen seen(Numbered.At at, IntPredicate kept) {
        Example example = at.row().example();
        return new Seen(
                special.in(example),
                isPromptEmpty(example),
                kept.test(at.index()) ? Optional.of(NearLeaks.text(comparable(example))) : Optional.empty());
    }

    private void note(Row row, Seen seen) {
        if (seen.emptyPrompt) {
            emptyPrompts.add(row.file(), row.number());
        }
        seen.special.ifPresent(text -> {
            written.add(row.file(), row.number(), "holds \"%s\"".formatted(text));
            writtenInChats |= row.example() instanceof Example.Chat;
        });
    }

    Places written() {
        return written;
    }

    /// Whether the text of a conversation holds special tokens, which only its template should write.
    boolean writtenInChats() {
        return writtenInChats;
    }

    Places emptyPrompts() {
        return emptyPrompts;
    }

    /// How the tokens of an example come about.
    private static String form(Example example) {
        return switch (example) {
            case Example.Chat _ -> "conversations, written by the chat template";
            case Example.PromptCompletion(String prompt, String _) when isAlpaca(prompt) -> "Stanford Alpaca's prompt";
            case Example.PromptCompletion _ -> "a prompt and a completion";
            case Example _ -> "text";
        };
    }

    private static boolean isAlpaca(String prompt) {
        return prompt.startsWith("Below is an instruction") && prompt.endsWith("### Response:\n");
    }

    private static boolean isPromptEmpty(Example example) {
        return switch (example) {
            case Example.PromptCompletion pair -> pair.prompt().isBlank();
            case Example.Chat chat ->
                chat.messages().stream()
                        .takeWhile(m -> !m.role().equals("assistant"))
                        .allMatch(Message::isEmpty);
            case Example _ -> false;
        };
    }

    /// What two rows are compared by. What a system says is often the same in all.
    static String comparable(Example example) {
        return switch (example) {
            case Example.PromptCompletion(String prompt, String completion) -> prompt + "\n" + completion;
            case Example.Chat chat ->
                chat.messages().stream()
                        .filter(m -> !m.role().toLowerCase(Locale.ROOT).equals("system"))
                        .map(Message::content)
                        .collect(Collectors.joining("\n"));
            case Example.Text(String text, boolean isFile) -> isFile ? "" : text;
            case Example _ -> "";
        };
    }

    static long size(Row row) {
        return comparable(row.example()).length();
    }

    /// The rows of an input with their index among those of all inputs.
    static final class Numbered implements Iterator<Numbered.At>, AutoCloseable {
        private final ExampleReader reader;
        private final int[] count;

        record At(int index, Row row) {}

        /// @param count  of rows so far; it goes on
        Numbered(Input input, int[] count) {
            this.reader = new ExampleReader(input, Kind.COMPLETION);
            this.count = count;
        }

        @Override
        public boolean hasNext() {
            return reader.hasNext();
        }

        @Override
        public At next() {
            return new At(count[0]++, reader.next());
        }

        @Override
        public void close() {
            reader.close();
        }
    }

    /// Forms of the held-out rows that no row to train on has.
    static Set<String> missing(Read heldOut, Read train) {
        Set<String> missing = new TreeSet<>(heldOut.forms.keySet());
        missing.removeAll(train.forms.keySet());
        return missing;
    }
}
