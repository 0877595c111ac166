package dev.graft.cli;

import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// One key of the recipe file, as the components of [Recipe] declare it.
///
/// @param path  full name: `training.learning_rate`
/// @param type  the class of its value, without the `Optional` around it
/// @param element the class of what a list or a mapping holds, otherwise `type`
/// @param optional whether it may be left out without having a default
/// @param about its default and meaning
record RecipeKey(String path, Class<?> type, Class<?> element, boolean optional, Key about) {

    /// All keys, in the order of the records.
    static final List<RecipeKey> ALL = collect(Recipe.class, "");

    /// The sections: `adapter`, `data` ….
    static final List<String> SECTIONS = Arrays.stream(Recipe.class.getRecordComponents())
            .filter(component -> component.getType().isRecord())
            .map(RecipeKey::name)
            .toList();

    static Optional<RecipeKey> find(String path) {
        return ALL.stream().filter(key -> key.path.equals(path)).findFirst();
    }

    /// The name of a component in the file.
    static String name(RecordComponent component) {
        Key about = component.getAnnotation(Key.class);
        if (about != null && !about.name().isEmpty()) {
            return about.name();
        }
        return component.getName().replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
    }

    private static List<RecipeKey> collect(Class<?> section, String prefix) {
        List<RecipeKey> keys = new ArrayList<>();
        for (RecordComponent component : section.getRecordComponents()) {
            String path = prefix + name(component);
            if (component.getType().isRecord()) {
                keys.addAll(collect(component.getType(), path + "."));
            } else {
                keys.add(new RecipeKey(
                        path,
                        valueType(component),
                        elementType(component),
                        isOptional(component),
                        component.getAnnotation(Key.class)));
            }
        }
        return List.copyOf(keys);
    }

    private static boolean isOptional(RecordComponent component) {
        return List.of(Optional.class, OptionalInt.class, OptionalDouble.class).contains(component.getType());
    }

    private static Class<?> valueType(RecordComponent component) {
        Class<?> type = component.getType();
        if (type == OptionalInt.class) {
            return int.class;
        }
        if (type == OptionalDouble.class) {
            return double.class;
        }
        if (type == Optional.class) {
            return (Class<?>) ((ParameterizedType) component.getGenericType()).getActualTypeArguments()[0];
        }
        return type;
    }

    private static Class<?> elementType(RecordComponent component) {
        if (!List.of(List.class, Map.class).contains(component.getType())) {
            return valueType(component);
        }
        Type[] arguments = ((ParameterizedType) component.getGenericType()).getActualTypeArguments();
        return (Class<?>) arguments[arguments.length - 1];
    }

    /// Whether a recipe without this key is incomplete.
    boolean isRequired() {
        return about.or().isEmpty() && !optional;
    }

    /// Whether this key and `other` exclude each other.
    boolean excludes(RecipeKey other) {
        return section(path).equals(section(other.path))
                && (about.unless().equals(leaf(other.path))
                        || other.about.unless().equals(leaf(path)));
    }

    /// `constant | linear | …` for a closed set of values, empty otherwise.
    static String choices(Class<?> type) {
        return type.isEnum()
                ? Arrays.stream(type.getEnumConstants())
                        .map(choice -> choice.toString().toLowerCase(Locale.ROOT))
                        .collect(Collectors.joining(" | "))
                : "";
    }

    /// The known key or section a mistyped one most likely means.
    static Optional<String> nearest(String path) {
        return Stream.concat(ALL.stream().map(RecipeKey::path), SECTIONS.stream())
                .filter(known -> distance(path, known) <= Math.max(2, leaf(path).length() / 3))
                .min(Comparator.<String>comparingInt(known -> distance(path, known))
                        .thenComparing(known -> !section(known).equals(section(path))));
    }

    /// Edits from one last name to the other; two when one holds the other whole (`alpha`,
    /// `num_train_epochs`).
    private static int distance(String path, String known) {
        String typed = leaf(path).toLowerCase(Locale.ROOT).replace('-', '_');
        String name = leaf(known);
        int edits = Nearest.edits(typed, name);
        boolean contained =
                Math.min(typed.length(), name.length()) > 2 && (typed.contains(name) || name.contains(typed));
        return contained ? Math.min(2, edits) : edits;
    }

    /// `training.` of `training.learning_rate`; empty at the top level.
    static String section(String path) {
        return path.substring(0, path.lastIndexOf('.') + 1);
    }

    private static String leaf(String path) {
        return path.substring(path.lastIndexOf('.') + 1);
    }
}
