package dev.graft.model.gguf;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// The names of one family's tensors, Hugging Face's and llama.cpp's side by side. `{}` stands for a
/// number; a second one in a Hugging Face name counts experts, which llama.cpp keeps in one tensor.
/// Where a name has several places, the first is the one that is written, and the others are those of
/// older files.
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

    private record Rule(Pattern hub, String ggml, Change change) {
        /// A second number is an expert's: part of the name where that has room for two, else a slice of
        /// the tensor.
        Place place(Matcher name) {
            int numbers = name.groupCount() - 1;
            String module = ggml;
            for (int i = 1; i <= numbers; i++) {
                module = module.replaceFirst("\\{}", name.group(i));
            }
            String kind = name.group(numbers + 1);
            boolean slice = numbers == 2 && ggml.indexOf("{}") == ggml.lastIndexOf("{}");
            return new Place(
                    module + "." + kind,
                    change == Change.TRANSPOSED && kind.equals("bias") ? Change.SAME : change,
                    slice ? OptionalInt.of(Integer.parseInt(name.group(2))) : OptionalInt.empty());
        }
    }

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

    /// The place of a tensor called `hub` by Hugging Face, as files are written now.
    public Optional<Place> of(String hub) {
        return places(hub).findFirst();
    }

    /// The places a tensor may have, those of older files last.
    Stream<Place> places(String hub) {
        return rules.stream().flatMap(rule -> {
            Matcher name = rule.hub.matcher(hub);
            return name.matches() ? Stream.of(rule.place(name)) : Stream.empty();
        });
    }
}
