package dev.graft.peft;

import java.util.List;
import java.util.regex.Matcher;

/// What is trained and stored beside the factors.
///
/// @param modulesToSave     `modules_to_save`: modules that are trained whole
/// @param tokens            `trainable_token_indices`: rows of the embedding that are trained
/// @param ensureWeightTying `ensure_weight_tying`: a head that shares the embedding's table goes on
///                          sharing it
public record Extras(List<String> modulesToSave, TrainableTokens tokens, boolean ensureWeightTying) {
    /// Nothing.
    public static final Extras NONE = new Extras(List.of(), TrainableTokens.NONE, false);

    public Extras {
        modulesToSave = List.copyOf(modulesToSave);
        for (String module : modulesToSave) {
            if (module.isBlank()) {
                throw new IllegalArgumentException(
                        "modules_to_save holds a blank name; leave it out: " + modulesToSave);
            }
            PythonRegex.translate(module);
        }
    }

    /// Trained tokens and nothing else.
    public static Extras ofTokens(TrainableTokens tokens) {
        return new Extras(List.of(), tokens, false);
    }

    /// Whether adapters keep away from this module: it is, or lies inside, one of `modules_to_save`,
    /// which PEFT reads as regular expressions here.
    boolean savesWithin(String module) {
        return modulesToSave.stream().anyMatch(name -> {
            Matcher matcher =
                    PythonRegex.compile("(^|.*\\.)" + name + "($|\\..*)").matcher(module);
            return matcher.lookingAt();
        });
    }

    /// Whether the module itself is wrapped to be trained whole. PEFT tests the bare end of the name,
    /// without a dot.
    boolean wraps(String module) {
        return modulesToSave.stream().anyMatch(module::endsWith);
    }

    /// Whether a module is trained whole: it is wrapped, or one that it lies in is.
    boolean saves(String module) {
        for (int end = module.length(); end > 0; end = module.lastIndexOf('.', end - 1)) {
            if (wraps(module.substring(0, end))) {
                return true;
            }
        }
        return false;
    }
}
