package dev.graft.cli;

import dev.graft.generate.GenerationSettings;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/// How tokens are chosen, for the commands that write text. A command takes it as a `@Mixin`; it may
/// give other defaults than these with a default value provider of its own.
@HelpGroup("Choice of tokens")
final class SamplingOptions {
    @Option(
            names = "--max-new-tokens",
            paramLabel = "N",
            defaultValue = "128",
            description = "Tokens to write at most; it may stop before (default: ${DEFAULT-VALUE}).")
    private int maxNewTokens;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            defaultValue = "0",
            description = "0 always takes the likeliest token; 1 draws by the model's own probabilities, more is"
                    + " bolder (default: ${DEFAULT-VALUE}).")
    private double temperature;

    @Option(
            names = "--top-p",
            paramLabel = "P",
            defaultValue = "1",
            description = "Draw among the likeliest tokens that together reach this probability; 1 keeps all"
                    + " (default: ${DEFAULT-VALUE}).")
    private double topP;

    @Option(
            names = "--top-k",
            paramLabel = "K",
            defaultValue = "0",
            description = "Draw among the K likeliest tokens; 0 keeps all (default: ${DEFAULT-VALUE}).")
    private int topK;

    @Option(
            names = "--seed",
            paramLabel = "S",
            defaultValue = "42",
            description = "Of the draws; the same seed gives the same text (default: ${DEFAULT-VALUE}).")
    private long seed;

    /// @param command whose usage is wrong when a value is out of its range
    GenerationSettings settings(CommandLine command) {
        try {
            return new GenerationSettings(maxNewTokens, temperature, topP, topK, seed);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command, e.getMessage(), e);
        }
    }
}
