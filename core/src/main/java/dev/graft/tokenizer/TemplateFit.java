package dev.graft.tokenizer;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// How a chat template goes with a model's vocabulary, found by writing a short conversation with it.
///
/// @param ending  what the template writes behind an answer, up to the next white space; empty when nothing
/// @param turnEnd the token that this is
/// @param pieces  marks such as `<|im_start|>` that the template writes and that are no tokens of the model:
///                the tokenizer cuts them up like words
public record TemplateFit(String ending, OptionalInt turnEnd, List<String> pieces) {
    private static final String ANSWER = "graft-answer-0";
    private static final Pattern MARK = Pattern.compile("<\\|[^|<>\\s]+\\|>|<(start|end)_of_turn>");
    private static final Pattern ENDING = Pattern.compile("\\s*(<\\|[^|<>\\s]+\\|>|<[^<>\\s]+>|\\S*)");

    public TemplateFit {
        pieces = List.copyOf(pieces);
    }

    /// @param whole texts that are always one token, such as `</s>`, with their ids
    /// @return empty where the template does not write a question and an answer
    static Optional<TemplateFit> of(ChatTemplate template, Map<String, Integer> whole) {
        String text;
        try {
            text = template.render(
                    List.of(new Message("user", "graft-question"), new Message("assistant", ANSWER)), false);
        } catch (IllegalArgumentException e) {
            return Optional.empty(); // a template may want tools, or more than these two
        }
        int answer = text.lastIndexOf(ANSWER);
        if (answer < 0) {
            return Optional.empty();
        }
        String behind = text.substring(answer + ANSWER.length()).stripLeading();
        Optional<String> end = whole.keySet().stream()
                .filter(token -> !token.isBlank() && behind.startsWith(token))
                .max((a, b) -> Integer.compare(a.length(), b.length()));
        Set<String> marks = MARK.matcher(text).results().map(MatchResult::group).collect(Collectors.toSet());
        marks.removeAll(whole.keySet());
        Matcher ending = ENDING.matcher(behind);
        return Optional.of(new TemplateFit(
                end.orElse(ending.lookingAt() ? ending.group(1) : ""),
                end.map(whole::get).map(OptionalInt::of).orElse(OptionalInt.empty()),
                marks.stream().sorted().toList()));
    }
}
