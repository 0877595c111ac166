package dev.graft.model;

import dev.graft.nn.Rotation;

/// Reads from a configuration how rotary positions turn, with the scaling it names, in float32 as
/// Transformers computes it: older files keep `rope_theta` and `rope_scaling` apart, newer ones join
/// them in `rope_parameters`.
final class RotaryScaling {
    private static final String KINDS = "one of default, linear, dynamic, llama3, yarn, longrope";

    private final ModelConfig config;
    private final ModelConfig rope;
    private final double theta;
    private final int turned;
    private final String type;

    /// The one rotation of a configuration, which turns whole heads.
    RotaryScaling(ModelConfig config, double defaultTheta, int headWidth) {
        this(config, section(config), defaultTheta, headWidth);
        if (turned != headWidth) {
            throw config.wrong("partial_rotary_factor", "it is " + factorTurned(), "1 or nothing");
        }
    }

    /// @param rope         the settings of this rotation
    /// @param defaultTheta base of the angles where neither `rope` nor `config` names it
    /// @param headWidth    of which `partial_rotary_factor` is turned
    RotaryScaling(ModelConfig config, ModelConfig rope, double defaultTheta, int headWidth) {
        this.config = config;
        this.rope = rope;
        this.theta = rope.number("rope_theta", config.number("rope_theta", defaultTheta));
        this.turned = (int) (headWidth * factorTurned());
        this.type = rope.text("rope_type").or(() -> rope.text("type")).orElse("default");
        if (turned % 2 != 0 || turned < 2 || turned > headWidth) {
            throw config.wrong(
                    "partial_rotary_factor",
                    "it turns %d of the %d elements of a head".formatted(turned, headWidth),
                    "an even number of them, at most all");
        }
    }

    /// `rope_scaling`, or else `rope_parameters`; empty where there is neither.
    static ModelConfig section(ModelConfig config) {
        ModelConfig rope = config.section(config.has("rope_scaling") ? "rope_scaling" : "rope_parameters");
        for (String layerType : LayerTypes.NAMES) {
            if (rope.has(layerType)) {
                throw rope.wrong(layerType, "there are settings for it alone", "one rotation for all layers");
            }
        }
        return rope;
    }

    private double factorTurned() {
        return rope.number("partial_rotary_factor", config.number("partial_rotary_factor", 1));
    }

    /// The same settings under the name of another scaling.
    RotaryScaling as(String otherType, int headWidth) {
        return new RotaryScaling(config, rope.with("rope_type", otherType), theta, headWidth);
    }

    String type() {
        return type;
    }

    Rotation rotation() {
        return switch (type) {
            case "default" -> Rotation.fixed(frequencies(theta), 1);
            case "linear" -> Rotation.fixed(divided(frequencies(theta), factor()), 1);
            case "dynamic" -> dynamic();
            case "llama3" -> Rotation.fixed(llama3(frequencies(theta)), 1);
            case "yarn" -> yarn();
            case "longrope" -> longRope();
            default -> throw rope.wrong("rope_type", "it is \"" + type + "\"", KINDS);
        };
    }

    /// How long documents may be: further than the configuration says where the scaling reaches further.
    int reach(int maxPositions) {
        return switch (type) {
            case "dynamic" -> (int) (maxPositions * factor());
            case "yarn" -> Math.max(maxPositions, (int) (originalPositions() * yarnFactor()));
            default -> maxPositions;
        };
    }

    private double factor() {
        return rope.number("factor").orElseThrow(() -> rope.wrong("factor", "it is missing", "a number"));
    }

    private int originalPositions() {
        return config.optionalSize("original_max_position_embeddings")
                .orElseGet(() -> rope.optionalSize("original_max_position_embeddings")
                        .orElseGet(() -> config.size("max_position_embeddings")));
    }

    /// Wavelength of each pair over 2π, `theta^(2i / turned)`.
    private float[] wavelengths(double base) {
        float[] lengths = new float[turned / 2];
        for (int i = 0; i < lengths.length; i++) {
            lengths[i] = (float) Math.pow((float) base, (float) (2 * i) / turned);
        }
        return lengths;
    }

    private float[] frequencies(double base) {
        float[] frequencies = wavelengths(base);
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = 1 / frequencies[i];
        }
        return frequencies;
    }

    private static float[] divided(float[] frequencies, double factor) {
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] /= (float) factor;
        }
        return frequencies;
    }

    /// Documents longer than the model was trained on get a larger base, the larger the longer they are.
    private Rotation dynamic() {
        int trained = config.size("max_position_embeddings");
        double factor = factor();
        return Rotation.growing(frequencies(theta), trained, length -> {
            double stretch = factor * length / trained - (factor - 1);
            return frequencies(theta * Math.pow(stretch, turned / (turned - 2.0)));
        });
    }

    /// Llama 3.1's scaling: long waves are slowed by `factor`, short ones kept, those between blended.
    private float[] llama3(float[] frequencies) {
        float factor = (float) factor();
        float low = (float) rope.number("low_freq_factor", 1);
        float high = (float) rope.number("high_freq_factor", 4);
        float original = originalPositions();
        for (int i = 0; i < frequencies.length; i++) {
            float wavelength = (float) (2 * Math.PI) / frequencies[i];
            if (wavelength > original / low) {
                frequencies[i] /= factor;
            } else if (wavelength >= original / high) {
                float smooth = (original / wavelength - low) / (high - low);
                frequencies[i] = (1 - smooth) * frequencies[i] / factor + smooth * frequencies[i];
            }
        }
        return frequencies;
    }

    /// Fast pairs keep their frequency, slow ones are divided by `factor`, those between blended;
    /// cosines and sines grow.
    ///
    /// Peng et al. 2023, <https://arxiv.org/abs/2309.00071>.
    private Rotation yarn() {
        double factor = yarnFactor();
        double first = yarnPair(rope.number("beta_fast", 32));
        double last = yarnPair(rope.number("beta_slow", 1));
        if (rope.flag("truncate", true)) {
            first = Math.floor(first);
            last = Math.ceil(last);
        }
        first = Math.max(first, 0);
        last = Math.min(last, turned - 1);
        if (first == last) {
            last += 0.001;
        }
        float[] wavelengths = wavelengths(theta);
        float[] frequencies = new float[wavelengths.length];
        for (int i = 0; i < frequencies.length; i++) {
            float slowed = Math.clamp((float) (i - first) / (float) (last - first), 0, 1);
            frequencies[i] = 1 / ((float) factor * wavelengths[i]) * slowed + 1 / wavelengths[i] * (1 - slowed);
        }
        return Rotation.fixed(frequencies, rope.number("attention_factor").orElseGet(() -> yarnMagnitude(factor)));
    }

    private double yarnFactor() {
        return rope.number("factor")
                .orElseGet(() -> (double) config.size("max_position_embeddings") / originalPositions());
    }

    /// The pair, counted with fractions, that turns so often over the length the model was trained on.
    private double yarnPair(double turns) {
        return turned * Math.log(originalPositions() / (turns * 2 * Math.PI)) / (2 * Math.log(theta));
    }

    private double yarnMagnitude(double factor) {
        double scale = rope.number("mscale", 0);
        double allDims = rope.number("mscale_all_dim", 0);
        return scale != 0 && allDims != 0
                ? yarnMagnitude(factor, scale) / yarnMagnitude(factor, allDims)
                : yarnMagnitude(factor, 1);
    }

    private static double yarnMagnitude(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }

    /// Every pair has a divisor of its own, one for documents up to the length the model was first
    /// trained on and one for longer ones.
    ///
    /// Ding et al. 2024, <https://arxiv.org/abs/2402.13753>.
    private Rotation longRope() {
        int original = originalPositions();
        double factor =
                rope.number("factor").orElseGet(() -> (double) config.size("max_position_embeddings") / original);
        double magnitude = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
        return Rotation.switching(
                longRope("short_factor"),
                original,
                longRope("long_factor"),
                rope.number("attention_factor").orElse(magnitude));
    }

    private float[] longRope(String key) {
        double[] divisors = rope.numbers(key);
        float[] frequencies = wavelengths(theta);
        if (divisors.length != frequencies.length) {
            throw rope.wrong(
                    key,
                    "there are %d numbers".formatted(divisors.length),
                    "%d numbers, one for each turned pair of a head".formatted(frequencies.length));
        }
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] = 1 / ((float) divisors[i] * frequencies[i]);
        }
        return frequencies;
    }
}
