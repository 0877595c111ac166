package dev.graft.data.check;

import dev.graft.data.Example;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/// Looks for what special tokens are written as in the texts of rows.
final class SpecialTexts {
    private final Map<Character, List<String>> byFirst = new HashMap<>();

    SpecialTexts(Collection<String> texts) {
        for (String text : texts) {
            if (!text.isBlank()) {
                byFirst.merge(
                        text.charAt(0),
                        List.of(text),
                        (some, more) ->
                                Stream.concat(some.stream(), more.stream()).toList());
            }
        }
    }

    /// The first one in what the row itself says.
    Optional<String> in(Example example) {
        return switch (example) {
            case Example.PromptCompletion(String prompt, String completion) ->
                in(prompt).or(() -> in(completion));
            case Example.Chat chat ->
                chat.messages().stream()
                        .map(message -> in(message.content()))
                        .flatMap(Optional::stream)
                        .findFirst();
            case Example.Text(String text, boolean _) -> in(text);
            case Example _ -> Optional.empty();
        };
    }

    private Optional<String> in(String text) {
        for (int i = 0; i < text.length(); i++) {
            List<String> some = byFirst.get(text.charAt(i));
            if (some != null) {
                for (String one : some) {
                    if (text.startsWith(one, i)) {
                        return Optional.of(one);
                    }
                }
            }
        }
        return Optional.empty();
    }
}
