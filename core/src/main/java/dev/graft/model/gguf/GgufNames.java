package dev.graft.model.gguf;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The names of one family's tensors, Hugging Face's and llama.cpp's side by side. `{}` stands for a number; a second
/// one in a Hugging Face name counts experts, which llama.cpp keeps in one tensor.
public final class GgufNames {
    /// How a tensor differs in a GGUF file.
    public enum Change {
        SAME,
        /// Rows of the query heads in pairs.
        QUERY_ROWS,
        /// Rows of the key heads in pairs.
        KEY_ROWS,
        /// One is added to a norm's gain.
        PLUS_ONE,
        TRANSPOSED
    }

    /// Where a tensor lies in a GGUF file.
    ///
    /// @param expert which slice of the tensor it is
    public record Place(String tensor, Change change, OptionalInt expert) {}

    private record Rule(Pattern hub, String ggml, Change change) {}

    private final List<Rule> rules = new ArrayList<>();

    /// Adds a module: what it has (`.weight`, `.bias`) has the same ending on both sides.
    GgufNames add(String hub, String ggml) {
        return add(hub, ggml, Change.SAME);
    }

    GgufNames add(String hub, String ggml, Change change) {
        String pattern = Pattern.quote(hub).replace("{}", "\\E(\\d+)\\Q");
        rules.add(new Rule(Pattern.compile(pattern + "\\.(weight|bias)"), ggml, change));
        return this;
    }

    /// The place of a tensor called `hub` by Hugging Face.
    public Optional<Place> of(String hub) {
        for (Rule rule : rules) {
            Matcher name = rule.hub.matcher(hub);
            if (name.matches()) {
                int numbers = name.groupCount() - 1;
                String module = numbers == 0 ? rule.ggml : rule.ggml.replace("{}", name.group(1));
                return Optional.of(new Place(
                        module + "." + name.group(numbers + 1),
                        rule.change == Change.TRANSPOSED
                                        && name.group(numbers + 1).equals("bias")
                                ? Change.SAME
                                : rule.change,
                        numbers == 2 ? OptionalInt.of(Integer.parseInt(name.group(2))) : OptionalInt.empty()));
            }
        }
        return Optional.empty();
    }
}
