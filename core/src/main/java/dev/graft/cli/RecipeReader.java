package dev.graft.cli;

import dev.graft.cli.YamlNode.Entry;
import dev.graft.cli.YamlNode.Place;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.RecordComponent;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.stream.Collectors;

/// Reads a [Recipe] from YAML and `--set key=value`, and says everything that is wrong with it at once.
///
/// Relative paths in the file belong to the folder of the file, those of `--set` to the working
/// directory, as does `output_dir` wherever it stands.
public final class RecipeReader {
    /// What was given for a key, and the folder its relative path belongs to.
    private record Given(YamlNode value, Place keyPlace, Path folder) {}

    private final String source;
    private final Map<String, Given> given = new LinkedHashMap<>();
    private final List<String> faults = new ArrayList<>();

    private RecipeReader(String source) {
        this.source = source;
    }

    /// Reads a recipe file and lays the overrides over it.
    ///
    /// @param overrides each `key=value`; the value is read as YAML
    /// @throws IllegalArgumentException naming every fault with its line
    /// @throws UncheckedIOException     when the file cannot be read
    public static Recipe read(Path file, List<String> overrides) {
        try {
            Path folder = file.toAbsolutePath().normalize().getParent();
            return parse(Files.readString(file), file.toString(), folder, overrides);
        } catch (NoSuchFileException missing) {
            throw new IllegalArgumentException("%s does not exist; it should be a recipe, a YAML file".formatted(file));
        } catch (IOException unreadable) {
            throw new UncheckedIOException("%s cannot be read as a text file".formatted(file), unreadable);
        }
    }

    /// Reads a recipe from text that a file called `source` in `folder` would hold.
    static Recipe parse(String yaml, String source, Path folder, List<String> overrides) {
        var reader = new RecipeReader(source);
        reader.readFile(yaml, folder);
        overrides.forEach(reader::override);
        reader.stopOnFaults();
        Map<String, Object> values = reader.values();
        reader.stopOnFaults();
        return (Recipe) reader.build(Recipe.class, "", values);
    }

    private void readFile(String yaml, Path folder) {
        switch (YamlNode.parse(yaml, source)) {
            case YamlNode.Section root -> readSection(root, "", folder);
            case YamlNode.Nothing _ -> {} // an empty file: whatever is missing is reported below
            case YamlNode node ->
                throw new IllegalArgumentException("%s: a recipe is made of lines \"key: value\"; found %s"
                        .formatted(node.place(), node.described()));
        }
    }

    private void readSection(YamlNode.Section section, String prefix, Path folder) {
        section.entries().forEach((name, entry) -> {
            String path = prefix + name;
            if (RecipeKey.find(path).isPresent()) {
                given.put(path, new Given(entry.value(), entry.keyPlace(), folder));
            } else if (RecipeKey.SECTIONS.contains(path)) {
                readNested(path, entry, folder);
            } else {
                faults.add(entry.keyPlace() + ": " + unknown(path));
            }
        });
    }

    private void readNested(String path, Entry entry, Path folder) {
        switch (entry.value()) {
            case YamlNode.Section nested -> readSection(nested, path + ".", folder);
            case YamlNode.Nothing _ -> {} // a section whose keys are all commented out
            case YamlNode node ->
                faults.add("%s: %s is a section with the keys %s; found %s"
                        .formatted(node.place(), path, keysOf(path), node.described()));
        }
    }

    private void override(String assignment) {
        int equals = assignment.indexOf('=');
        if (equals < 1) {
            faults.add("--set %s: it must be key=value, such as training.learning_rate=1e-4".formatted(assignment));
            return;
        }
        String path = assignment.substring(0, equals).strip();
        String label = "--set " + path;
        Optional<RecipeKey> key = RecipeKey.find(path);
        if (RecipeKey.SECTIONS.contains(path)) {
            faults.add("%s: %s is a section; set one of its keys: %s".formatted(label, path, keysOf(path)));
        } else if (key.isEmpty()) {
            faults.add("--set " + assignment + ": " + unknown(path));
        } else {
            RecipeKey.ALL.stream().filter(key.get()::excludes).forEach(other -> given.remove(other.path()));
            YamlNode value = YamlNode.parseValue(assignment.substring(equals + 1), label);
            given.put(path, new Given(value, value.place(), Path.of("").toAbsolutePath()));
        }
    }

    private static String unknown(String path) {
        String section = path.substring(0, Math.max(0, path.lastIndexOf('.')));
        String known = RecipeKey.SECTIONS.contains(section)
                ? "%s has %s".formatted(section, keysOf(section))
                : "a recipe has " + keysOf("");
        String advice =
                RecipeKey.nearest(path).map("did you mean %s?"::formatted).orElse(known);
        return "there is no key %s; %s".formatted(path, advice);
    }

    /// The names in a section, or at the top level.
    private static String keysOf(String section) {
        if (section.isEmpty()) {
            return Arrays.stream(Recipe.class.getRecordComponents())
                    .map(RecipeKey::name)
                    .collect(Collectors.joining(", "));
        }
        return RecipeKey.ALL.stream()
                .map(RecipeKey::path)
                .filter(path -> path.startsWith(section + "."))
                .map(path -> path.substring(section.length() + 1))
                .collect(Collectors.joining(", "));
    }

    /// The value of every key that has one, given or default.
    private Map<String, Object> values() {
        Map<String, Object> values = new HashMap<>();
        for (RecipeKey key : RecipeKey.ALL) {
            try {
                value(key).ifPresent(value -> values.put(key.path(), value));
            } catch (IllegalArgumentException wrong) {
                faults.add(wrong.getMessage());
            }
        }
        return values;
    }

    private Optional<Object> value(RecipeKey key) {
        Given here = given.get(key.path());
        if (here != null && !(here.value() instanceof YamlNode.Nothing)) {
            Path folder = key.about().inWorkingDirectory() ? Path.of("").toAbsolutePath() : here.folder();
            return Optional.of(new RecipeValue(key, folder).of(here.value()));
        }
        boolean replaced = RecipeKey.ALL.stream()
                .filter(key::excludes)
                .map(other -> given.get(other.path()))
                .anyMatch(other -> other != null && !(other.value() instanceof YamlNode.Nothing));
        if (key.isRequired()) {
            throw new IllegalArgumentException("%s: %s is missing; it is the %s"
                    .formatted(source, key.path(), key.about().help()));
        }
        if (key.about().or().isEmpty() || replaced) {
            return Optional.empty();
        }
        YamlNode written = YamlNode.parseValue(key.about().or(), "default of " + key.path());
        return Optional.of(new RecipeValue(key, Path.of("")).of(written));
    }

    /// Calls the canonical constructor of a section with the values of its keys.
    private Object build(Class<?> section, String prefix, Map<String, Object> values) {
        RecordComponent[] components = section.getRecordComponents();
        Object[] arguments = Arrays.stream(components)
                .map(component -> {
                    String path = prefix + RecipeKey.name(component);
                    Class<?> type = component.getType();
                    return type.isRecord() ? build(type, path + ".", values) : wrapped(type, values.get(path));
                })
                .toArray();
        Class<?>[] types =
                Arrays.stream(components).map(RecordComponent::getType).toArray(Class<?>[]::new);
        try {
            return section.getDeclaredConstructor(types).newInstance(arguments);
        } catch (InvocationTargetException refused) {
            throw new IllegalArgumentException(located(refused.getCause()), refused.getCause());
        } catch (ReflectiveOperationException impossible) {
            throw new AssertionError("every record has its canonical constructor", impossible);
        }
    }

    private static Object wrapped(Class<?> component, Object value) {
        if (component == OptionalInt.class) {
            return value == null ? OptionalInt.empty() : OptionalInt.of((Integer) value);
        }
        if (component == OptionalDouble.class) {
            return value == null ? OptionalDouble.empty() : OptionalDouble.of((Double) value);
        }
        if (component == Optional.class) {
            return Optional.ofNullable(value);
        }
        return value;
    }

    /// A refused value, with the line it stands on: the sentence begins with its key.
    private String located(Throwable refused) {
        String sentence = refused.getMessage();
        String key = sentence.substring(0, Math.max(0, sentence.indexOf(' ')));
        return (given.containsKey(key) ? given.get(key).value().place() : source) + ": " + sentence;
    }

    private void stopOnFaults() {
        if (faults.size() == 1) {
            throw new IllegalArgumentException(faults.getFirst());
        }
        if (!faults.isEmpty()) {
            throw new IllegalArgumentException("%s has %d faults:%n  %s"
                    .formatted(source, faults.size(), String.join(System.lineSeparator() + "  ", faults)));
        }
    }
}
