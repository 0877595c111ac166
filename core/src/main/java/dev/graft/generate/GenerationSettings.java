package dev.graft.generate;

/// How tokens are chosen, with the names and meanings Transformers gives them.
///
/// @param maxNewTokens tokens after the prompt at most
/// @param temperature  logits are divided by it; 0 takes the likeliest token every time (greedy)
/// @param topP         only the likeliest tokens whose probabilities first reach this sum stay; 1 keeps all
/// @param topK         only that many of the likeliest tokens stay, with those equal to the last; 0 keeps all
/// @param seed         of the random choices; the same seed and prompt give the same text
public record GenerationSettings(int maxNewTokens, double temperature, double topP, int topK, long seed) {
    /// Below it, float32 logits overflow.
    private static final double LEAST_TEMPERATURE = 1e-3;

    public GenerationSettings {
        if (maxNewTokens < 1) {
            throw new IllegalArgumentException("max new tokens is %d; expected 1 or more".formatted(maxNewTokens));
        }
        if (temperature != 0 && !(temperature >= LEAST_TEMPERATURE && Double.isFinite(temperature))) {
            throw new IllegalArgumentException(
                    "temperature is %s; expected 0 (always the likeliest token) or at least %s, usually below 2"
                            .formatted(temperature, LEAST_TEMPERATURE));
        }
        if (!(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException(
                    "top p is %s; expected more than 0 and at most 1, where 1 keeps every token".formatted(topP));
        }
        if (topK < 0) {
            throw new IllegalArgumentException("top k is %d; expected 0 (keeps every token) or more".formatted(topK));
        }
    }

    /// 128 tokens, greedy.
    public static GenerationSettings defaults() {
        return new GenerationSettings(128, 0, 1, 0, 42);
    }

    /// Whether the likeliest token is always taken.
    public boolean isGreedy() {
        return temperature == 0;
    }

    /// The same, ending after this many tokens at the latest.
    public GenerationSettings withMaxNewTokens(int tokens) {
        return new GenerationSettings(tokens, temperature, topP, topK, seed);
    }

    /// The same with logits divided by this; 0 takes the likeliest token.
    public GenerationSettings withTemperature(double value) {
        return new GenerationSettings(maxNewTokens, value, topP, topK, seed);
    }

    /// The same, sampling among the likeliest tokens whose probabilities add up to this.
    public GenerationSettings withTopP(double sum) {
        return new GenerationSettings(maxNewTokens, temperature, sum, topK, seed);
    }

    /// The same, sampling among this many of the likeliest tokens.
    public GenerationSettings withTopK(int tokens) {
        return new GenerationSettings(maxNewTokens, temperature, topP, tokens, seed);
    }

    /// The same with another seed.
    public GenerationSettings withSeed(long value) {
        return new GenerationSettings(maxNewTokens, temperature, topP, topK, value);
    }
}
