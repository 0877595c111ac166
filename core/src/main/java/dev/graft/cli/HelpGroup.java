package dev.graft.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// The heading under which [HelpPage] lists the options of a mixin.
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
@interface HelpGroup {
    String value();
}
