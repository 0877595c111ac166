package dev.graft.cli;

import dev.graft.data.Input;
import dev.graft.data.shape.RowShapes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/// Where the rows of a recipe come from: one path, or several with what is special to each.
public sealed interface Sources {
    List<Source> list();

    /// The sources in the order of the recipe, at least one.
    record Of(List<Source> list) implements Sources {
        public Of {
            list = List.copyOf(list);
            long weighted =
                    list.stream().filter(source -> source.weight().isPresent()).count();
            if (list.isEmpty() || weighted > 0 && weighted < list.size()) {
                throw new IllegalArgumentException(
                        list.isEmpty()
                                ? "names no file"
                                : "gives %d of %d sources a weight; give one to each, or to none to take every row once"
                                        .formatted(weighted, list.size()));
            }
        }
    }

    /// One of them.
    ///
    /// @param path     a file, a folder, or a pattern, as an absolute path
    /// @param weight   its share of the rows when sources are interleaved
    /// @param columns  of this source, instead of `data.columns`
    /// @param shape    of this source, instead of `data.shape`
    record Source(String path, OptionalDouble weight, Map<String, String> columns, Optional<String> shape) {
        public Source {
            weight.ifPresent(w -> {
                if (!(w > 0)) {
                    throw new IllegalArgumentException("gives %s the weight %s; it must be above 0".formatted(path, w));
                }
            });
            columns = new LinkedHashMap<>(columns);
            shape.ifPresent(Sources::requireShape);
        }

        static Source of(String path) {
            return new Source(path, OptionalDouble.empty(), Map.of(), Optional.empty());
        }

        /// @param columns  where it has none of its own
        /// @param shape    likewise; `auto` finds it
        Input input(Map<String, String> columns, String shape) {
            return new Input(
                    path,
                    this.columns.isEmpty() ? columns : this.columns,
                    this.shape.or(() -> Optional.of(shape)).filter(name -> !name.equals("auto")));
        }
    }

    static void requireShape(String name) {
        if (!name.equals("auto") && RowShapes.named(name).isEmpty()) {
            throw new IllegalArgumentException("gives rows the shape %s; it must be auto, %s"
                    .formatted(
                            name,
                            String.join(
                                    ", ",
                                    RowShapes.ALL.stream().map(s -> s.name()).toList())));
        }
    }
}
