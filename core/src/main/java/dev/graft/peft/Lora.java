package dev.graft.peft;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/// Settings of low-rank adaptation, with PEFT's names and meanings: each targeted `W` becomes `W + s·B·A`
/// with `s = alpha / r`, or `alpha / √r` when rank-stabilised.
///
/// Hu et al. 2021, <https://arxiv.org/abs/2106.09685>; Kalajdzievski 2023,
/// <https://arxiv.org/abs/2312.03732>.
///
/// ```java
/// Lora settings = new Lora(16, 32, 0.05, Targets.allLinear()).withDora().withModulesToSave("lm_head");
/// ```
///
/// @param r            rank of the change
/// @param alpha        `lora_alpha`, the numerator of the scale
/// @param dropout      `lora_dropout`: rate at which elements of the input are zeroed before `A` while
///                     training
/// @param selection    which layers: `target_modules`, `exclude_modules`, `layers_to_transform`,
///                     `layers_pattern`
/// @param rankPattern  `rank_pattern`: other ranks, by a regular expression for the end of a layer's name
/// @param alphaPattern `alpha_pattern`: other alphas, likewise
/// @param useRslora    `use_rslora`
/// @param useDora      `use_dora`: the size of each row is learnt apart from its direction (see
///                     [Adapters.Adapted])
/// @param loraBias     `lora_bias`: `B` adds a bias to its product
/// @param bias         `bias`: which biases of the base are trained
/// @param init         `init_lora_weights`
/// @param niter        power iterations of `pissa_niter_N`, 0 for the exact decomposition of `pissa`;
///                     times that `loftq` quantises the base (`loftq_iter`), 0 for once
/// @param extras       what is trained beside the factors
public record Lora(
        int r,
        double alpha,
        double dropout,
        Selection selection,
        Map<String, Integer> rankPattern,
        Map<String, Double> alphaPattern,
        boolean useRslora,
        boolean useDora,
        boolean loraBias,
        Bias bias,
        Init init,
        int niter,
        Extras extras) {
    /// How the factors start.
    public enum Init {
        /// `A` uniform in ±1/√in, `B` zero: the model starts unchanged. PEFT's `true`.
        DEFAULT,
        /// `A` normal with standard deviation 1/r, `B` zero: the model starts unchanged.
        GAUSSIAN,
        /// Both random, on orthogonal rows, so that `B·A` is zero but neither factor is; `r` is even.
        ORTHOGONAL,
        /// Both uniform: the model starts changed. PEFT's `false`, for tests.
        RANDOM,
        /// The largest singular values of the weight with their vectors, which are taken away from the
        /// weight: the model starts unchanged. `pissa`, or by random projection `pissa_niter_N`. Meng et al.
        /// 2024, <https://arxiv.org/abs/2404.02948>.
        PISSA,
        /// The first columns and rows of the weight's QR decomposition, likewise. Büyükakyüz 2024,
        /// <https://arxiv.org/abs/2406.01775>.
        OLORA,
        /// What quantisation took from the weight, as far as the rank goes: the model starts nearer to what
        /// it was. With more iterations the base is what quantisation makes of the weight less those factors.
        /// Li et al. 2023, <https://arxiv.org/abs/2310.08659>.
        LOFTQ;

        /// Whether factors begin as a part of the weight that is then taken away from it.
        boolean takesFromWeight() {
            return this == PISSA || this == OLORA;
        }

        boolean needsWeight() {
            return takesFromWeight() || this == LOFTQ;
        }
    }

    /// Which biases of the base model are trained and stored with the adapter.
    public enum Bias {
        NONE,
        /// Every bias of the model.
        ALL,
        /// Those of the adapted layers.
        LORA_ONLY
    }

    public Lora {
        requireRank("r", r);
        requireAlpha("lora_alpha", alpha);
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("lora_dropout is %s; expected 0 ≤ rate < 1".formatted(dropout));
        }
        rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern)); // their order counts
        alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
        rankPattern.forEach((key, rank) -> {
            PythonRegex.translate(key);
            requireRank("rank_pattern \"" + key + "\"", rank);
        });
        alphaPattern.forEach((key, value) -> {
            PythonRegex.translate(key);
            requireAlpha("alpha_pattern \"" + key + "\"", value);
        });
        if (loraBias && useDora) {
            throw new IllegalArgumentException("lora_bias and use_dora exclude each other; leave one of them out");
        }
        if (loraBias && init != Init.DEFAULT && init != Init.RANDOM) {
            throw new IllegalArgumentException("lora_bias goes with init_lora_weights true or false, not with \"%s\""
                    .formatted(init.name().toLowerCase(Locale.ROOT)));
        }
        if (init.needsWeight() && (useDora || !selection.parameters().isEmpty())) {
            throw new IllegalArgumentException(
                    "init_lora_weights \"%s\" goes with neither use_dora nor target_parameters; leave them out, or start with true"
                            .formatted(init.name().toLowerCase(Locale.ROOT)));
        }
        if (niter < 0 || niter > 0 && init != Init.PISSA && init != Init.LOFTQ) {
            throw new IllegalArgumentException(
                    "init_lora_weights has %d iterations; only pissa_niter_N and loftq have any, one or more"
                            .formatted(niter));
        }
        List<Integer> ranks = new ArrayList<>(rankPattern.values());
        ranks.add(r);
        ranks.stream().filter(rank -> rank % 2 != 0).findFirst().ifPresent(odd -> {
            if (init == Init.ORTHOGONAL) {
                throw new IllegalArgumentException(
                        "init_lora_weights \"orthogonal\" wants even ranks; r is %d".formatted(odd));
            }
        });
    }

    /// Plain LoRA on some layers, and on some `target_parameters`.
    public Lora(int r, double alpha, double dropout, Targets targets, String... parameters) {
        this(
                r,
                alpha,
                dropout,
                new Selection(targets, Targets.none(), List.of(), List.of(), List.of(parameters)),
                Map.of(),
                Map.of(),
                false,
                false,
                false,
                Bias.NONE,
                Init.DEFAULT,
                0,
                Extras.NONE);
    }

    private static void requireRank(String name, int rank) {
        if (rank < 1) {
            throw new IllegalArgumentException("%s is %d; expected a rank of 1 or more".formatted(name, rank));
        }
    }

    private static void requireAlpha(String name, double alpha) {
        if (!Double.isFinite(alpha) || alpha <= 0) {
            throw new IllegalArgumentException("%s is %s; expected a positive number".formatted(name, alpha));
        }
    }

    // ---------------------------------------------------------------- other settings

    /// Experts as Transformers stacks them, `mlp.experts.gate_up_proj`; see [Selection#parameters].
    public Lora withTargetParameters(String... names) {
        return with(selection.withParameters(names));
    }

    /// The same without these layers (`exclude_modules`).
    public Lora withExcluded(Targets excluded) {
        return with(selection.withExcluded(excluded));
    }

    /// The same on other layers.
    public Lora with(Selection other) {
        return copy(other, rankPattern, alphaPattern, useRslora, useDora, loraBias, bias, init, extras);
    }

    /// The same with other ranks and alphas for some layers (`rank_pattern`, `alpha_pattern`).
    public Lora withPatterns(Map<String, Integer> ranks, Map<String, Double> alphas) {
        return copy(selection, ranks, alphas, useRslora, useDora, loraBias, bias, init, extras);
    }

    /// The same, rank-stabilised: `s = alpha / √r`.
    public Lora withRslora() {
        return copy(selection, rankPattern, alphaPattern, true, useDora, loraBias, bias, init, extras);
    }

    /// The same with the size of each row learnt apart from its direction. Liu et al. 2024,
    /// <https://arxiv.org/abs/2402.09353>.
    public Lora withDora() {
        return copy(selection, rankPattern, alphaPattern, useRslora, true, loraBias, bias, init, extras);
    }

    /// The same with a bias beside `B`.
    public Lora withLoraBias() {
        return copy(selection, rankPattern, alphaPattern, useRslora, useDora, true, bias, init, extras);
    }

    /// The same with other biases of the base trained.
    public Lora with(Bias other) {
        return copy(selection, rankPattern, alphaPattern, useRslora, useDora, loraBias, other, init, extras);
    }

    /// The same with factors that start otherwise.
    public Lora with(Init other) {
        return copy(selection, rankPattern, alphaPattern, useRslora, useDora, loraBias, bias, other, extras);
    }

    /// PiSSA by a randomised decomposition with this many power iterations (`pissa_niter_N`).
    public Lora withPissa(int iterations) {
        return with(Init.PISSA, iterations);
    }

    /// LoftQ with this many iterations (`loftq_config.loftq_iter`).
    public Lora withLoftq(int iterations) {
        return with(Init.LOFTQ, iterations);
    }

    private Lora with(Init other, int iterations) {
        return new Lora(
                r,
                alpha,
                dropout,
                selection,
                rankPattern,
                alphaPattern,
                useRslora,
                useDora,
                loraBias,
                bias,
                other,
                iterations,
                extras);
    }

    /// The settings of the same change as an adapter of the untouched base, whose factors are twice as wide:
    /// those that were learnt beside those they began with. The scale stays what it is.
    Lora besideTheirStart() {
        double more = useRslora ? Math.sqrt(2) : 2;
        Map<String, Integer> ranks = new LinkedHashMap<>();
        rankPattern.forEach((key, rank) -> ranks.put(key, 2 * rank));
        Map<String, Double> alphas = new LinkedHashMap<>();
        alphaPattern.forEach((key, value) -> alphas.put(key, more * value));
        return new Lora(
                2 * r,
                more * alpha,
                dropout,
                selection,
                ranks,
                alphas,
                useRslora,
                useDora,
                loraBias,
                bias,
                Init.DEFAULT,
                0,
                extras);
    }

    /// The same with something else trained beside the factors.
    public Lora with(Extras other) {
        return copy(selection, rankPattern, alphaPattern, useRslora, useDora, loraBias, bias, init, other);
    }

    /// The same with these modules trained whole (`modules_to_save`).
    public Lora withModulesToSave(String... modules) {
        return with(new Extras(List.of(modules), extras.tokens(), extras.ensureWeightTying()));
    }

    private Lora copy(
            Selection selection,
            Map<String, Integer> ranks,
            Map<String, Double> alphas,
            boolean rslora,
            boolean dora,
            boolean biasOfB,
            Bias biases,
            Init start,
            Extras beside) {
        int iterations = start == init ? niter : 0;
        return new Lora(
                r, alpha, dropout, selection, ranks, alphas, rslora, dora, biasOfB, biases, start, iterations, beside);
    }

    // ---------------------------------------------------------------- what they mean for a layer

    /// Whether the layer of this name gets factors.
    boolean adapts(String module) {
        return !selection.excludes(module) && !extras.savesWithin(module) && selection.matches(module);
    }

    /// Rank of the change of a layer.
    public int rankOf(String module) {
        return valueOf(rankPattern, module, r);
    }

    double alphaOf(String module) {
        return valueOf(alphaPattern, module, alpha);
    }

    /// Factor of `B·A` of a layer.
    public double scaleOf(String module) {
        int rank = rankOf(module);
        return useRslora ? alphaOf(module) / Math.sqrt(rank) : alphaOf(module) / rank;
    }

    /// The value of the first key that matches the end of the name.
    private static <T> T valueOf(Map<String, T> patterns, String module, T otherwise) {
        return patterns.entrySet().stream()
                .filter(entry -> matches(entry.getKey(), module))
                .map(Map.Entry::getValue)
                .findFirst()
                .orElse(otherwise);
    }

    private static boolean matches(String key, String module) {
        return PythonRegex.compile("(.*\\.)?(" + key + ")$").matcher(module).lookingAt();
    }

    /// PEFT writes patterns sorted, and of several that match a layer the first counts, so an order of one's
    /// own would not outlive the file.
    void requireThatSortingChangesNothing(String module) {
        requireSame(
                "rank_pattern",
                module,
                valueOf(rankPattern, module, r),
                valueOf(new TreeMap<>(rankPattern), module, r));
        requireSame(
                "alpha_pattern",
                module,
                valueOf(alphaPattern, module, alpha),
                valueOf(new TreeMap<>(alphaPattern), module, alpha));
    }

    private static void requireSame(String setting, String module, Object given, Object sorted) {
        if (!given.equals(sorted)) {
            throw new IllegalArgumentException(
                    "%s: more than one key matches %s, and the adapter's file keeps them sorted, where another comes first (%s instead of %s); write the keys so that one of them matches"
                            .formatted(setting, module, sorted, given));
        }
    }

    /// Keys of `rank_pattern` and `alpha_pattern` that match none of these layers.
    List<String> unusedPatterns(Iterable<String> modules) {
        List<String> unused = new ArrayList<>();
        rankPattern.keySet().stream()
                .filter(key -> noneMatches(key, modules))
                .forEach(key -> unused.add("rank_pattern \"" + key + "\""));
        alphaPattern.keySet().stream()
                .filter(key -> noneMatches(key, modules))
                .forEach(key -> unused.add("alpha_pattern \"" + key + "\""));
        return unused;
    }

    private static boolean noneMatches(String key, Iterable<String> modules) {
        for (String module : modules) {
            if (matches(key, module)) {
                return false;
            }
        }
        return true;
    }
}
