package dev.graft.peft;

import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// `trainable_token_indices`: rows of the embedding (or of the head) whose values are learnt in place of
/// the stored ones.
///
/// @param embedding tokens of the input embedding, when a plain list was given
/// @param modules   tokens by the end of a module's name, when a mapping was given
public record TrainableTokens(Optional<List<Integer>> embedding, Map<String, List<Integer>> modules) {
    /// No rows.
    public static final TrainableTokens NONE = new TrainableTokens(Optional.empty(), Map.of());

    public TrainableTokens {
        embedding = embedding.map(List::copyOf);
        modules = Collections.unmodifiableMap(new LinkedHashMap<>(modules));
        embedding.ifPresent(TrainableTokens::check);
        modules.values().forEach(TrainableTokens::check);
    }

    /// Rows of the input embedding.
    public static TrainableTokens of(Integer... tokens) {
        return new TrainableTokens(Optional.of(List.of(tokens)), Map.of());
    }

    /// Rows of modules, by name.
    public static TrainableTokens of(Map<String, List<Integer>> modules) {
        return new TrainableTokens(Optional.empty(), modules);
    }

    private static void check(List<Integer> tokens) {
        Set<Integer> seen = new HashSet<>();
        if (tokens.isEmpty()) {
            throw new IllegalArgumentException("trainable_token_indices is empty; name tokens, or leave it out");
        }
        for (Integer token : tokens) {
            if (token < 0 || !seen.add(token)) {
                throw new IllegalArgumentException("trainable_token_indices holds %d%s"
                        .formatted(token, token < 0 ? "; tokens count from 0" : " twice"));
            }
        }
    }

    boolean isPresent() {
        return embedding.isPresent() || !modules.isEmpty();
    }

    /// Tokens of the input embedding of this name.
    Optional<List<Integer>> ofEmbedding(String module) {
        return embedding.or(() -> ofModule(module));
    }

    /// Tokens of a module that is named; PEFT tests the bare end of the name.
    Optional<List<Integer>> ofModule(String module) {
        return modules.entrySet().stream()
                .filter(entry -> module.endsWith(entry.getKey()))
                .map(Map.Entry::getValue)
                .findFirst();
    }
}
