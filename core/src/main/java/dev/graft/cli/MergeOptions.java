package dev.graft.cli;

import dev.graft.export.MergeMethod;
import dev.graft.export.MergeSettings;
import dev.graft.tensor.DType;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;

/// How adapters are combined, in PEFT's words.
@HelpGroup("How adapters are combined")
final class MergeOptions {
    @Option(
            names = "--method",
            paramLabel = "M",
            defaultValue = "linear",
            converter = MethodName.class,
            description = "linear, ties, dare_linear or dare_ties fold the adapters into the base and write a model;"
                    + " svd, ties_svd, dare_linear_svd or dare_ties_svd write the result as one adapter of --rank"
                    + " (default: ${DEFAULT-VALUE}).")
    private Method method;

    @Option(
            names = "--weights",
            paramLabel = "W",
            split = ",",
            description = "Factor of each adapter's change (default: 1 for each).")
    private List<Double> weights;

    @Option(
            names = "--density",
            paramLabel = "D",
            description = "Share of the elements of each change that ties and dare keep, above 0 and up to 1.")
    private Double density;

    @Option(
            names = "--majority-sign-method",
            paramLabel = "HOW",
            defaultValue = "total",
            description = "How ties elects a sign: total (of the sum) or frequency (of the count)"
                    + " (default: ${DEFAULT-VALUE}).")
    private String signs;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "Of what dare drops; the same seed drops the same (default: 42).")
    private Long seed;

    @Option(
            names = "--rank",
            paramLabel = "R",
            description = "Rank of the adapter that the svd methods write (default: the largest of the adapters').")
    private Integer rank;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            defaultValue = "auto",
            description = "Type to save a model in: auto (each weight's own), float32, bfloat16 or float16"
                    + " (default: ${DEFAULT-VALUE}). Adapters are written in float32.")
    private String dtype;

    /// @param combine   how several changes become one
    /// @param asAdapter whether the result is an adapter, otherwise a model
    record Method(MergeMethod combine, boolean asAdapter) {
        static final List<String> NAMES = List.of(
                "linear", "ties", "dare_linear", "dare_ties", "svd", "ties_svd", "dare_linear_svd", "dare_ties_svd");

        static Method named(String name) {
            if (!NAMES.contains(name)) {
                throw new TypeConversionException("\"%s\" is not one of %s".formatted(name, String.join(" | ", NAMES)));
            }
            String combine = name.equals("svd") ? "linear" : name.replaceFirst("_svd$", "");
            return new Method(MergeMethod.valueOf(combine.toUpperCase(Locale.ROOT)), name.endsWith("svd"));
        }

        @Override
        public String toString() {
            String name = combine.name().toLowerCase(Locale.ROOT);
            return !asAdapter ? name : combine == MergeMethod.LINEAR ? "svd" : name + "_svd";
        }
    }

    static final class MethodName implements ITypeConverter<Method> {
        @Override
        public Method convert(String name) {
            return Method.named(name);
        }
    }

    Method method() {
        return method;
    }

    Optional<Integer> rank() {
        return Optional.ofNullable(rank);
    }

    List<Double> weights(int adapters) {
        return weights == null ? Collections.nCopies(adapters, 1.0) : weights;
    }

    /// @throws ParameterException for options that contradict each other or mean nothing to the method
    MergeSettings settings(int adapters, CommandLine command) {
        require(
                command,
                weights == null || weights.size() == adapters,
                "--weights has %s for %s; give one for each"
                        .formatted(
                                Facts.count(weights == null ? 0 : weights.size(), "number"),
                                Facts.count(adapters, "adapter")));
        boolean sparse = method.combine().isSparse();
        require(
                command,
                !sparse || density != null,
                "--method %s needs --density, the share of elements to keep (the papers use 0.2 for ties, 0.1 to 0.5 for dare)"
                        .formatted(method));
        require(command, sparse || density == null, "--density means nothing to --method %s".formatted(method));
        require(
                command,
                density == null || density > 0 && density <= 1,
                "--density is %s; expected more than 0 and at most 1".formatted(density));
        boolean random = method.combine().name().startsWith("DARE");
        require(command, random || seed == null, "--seed means nothing to --method %s".formatted(method));
        require(command, method.asAdapter() || rank == null, "--rank means nothing to --method " + method);
        require(command, rank == null || rank >= 1, "--rank is %s; expected 1 or more".formatted(rank));
        require(
                command,
                !method.asAdapter() || dtype.equals("auto"),
                "--dtype is for models; an adapter is written in float32");
        return new MergeSettings(
                method.combine(),
                weights(adapters),
                density == null ? 1 : density,
                choice(command, "--majority-sign-method", signs, MergeMethod.Signs.class),
                seed == null ? 42 : seed,
                saveType(command));
    }

    private Optional<DType> saveType(CommandLine command) {
        return switch (dtype) {
            case "auto" -> Optional.empty();
            case "float32" -> Optional.of(DType.F32);
            case "bfloat16" -> Optional.of(DType.BF16);
            case "float16" -> Optional.of(DType.F16);
            default ->
                throw new ParameterException(
                        command, "--dtype: \"%s\" is not one of auto | float32 | bfloat16 | float16".formatted(dtype));
        };
    }

    private static <E extends Enum<E>> E choice(CommandLine command, String option, String text, Class<E> type) {
        return Arrays.stream(type.getEnumConstants())
                .filter(value -> value.name().toLowerCase(Locale.ROOT).equals(text))
                .findFirst()
                .orElseThrow(() -> new ParameterException(
                        command,
                        "%s: \"%s\" is not one of %s"
                                .formatted(
                                        option,
                                        text,
                                        Arrays.stream(type.getEnumConstants())
                                                .map(value -> value.name().toLowerCase(Locale.ROOT))
                                                .collect(Collectors.joining(" | ")))));
    }

    private static void require(CommandLine command, boolean fine, String otherwise) {
        if (!fine) {
            throw new ParameterException(command, otherwise);
        }
    }
}
