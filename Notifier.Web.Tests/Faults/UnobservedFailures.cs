using System.Diagnostics;
using System.Runtime.CompilerServices;
using Notifier.Hub;

namespace Notifier.Tests.Faults;

/// <summary>
/// The exceptions of tasks whose failure no code observed, from the start of this process on. The runtime reports them for the whole process, and only after a
/// garbage collection. While test classes run side by side, a report therefore belongs to no test, and <see cref="UnobservedFailureTests"/> checks all of
/// them at the end. Thread-safe: the finalizer thread adds, and tests read.
/// </summary>
internal static class UnobservedFailures
{
    private static readonly List<Exception> Reported = [];

    /// <summary>All failures but those of the tests' own code.</summary>
    public static IReadOnlyList<Exception> All()
    {
        for (var time = 0; time < 2; time++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        lock (Reported)
            return [.. Reported];
    }

    /// <summary>Whether Notifier's code, and no code of the tests, is among the callers of what failed.</summary>
    public static bool IsNotifiers(Exception failure) => Assemblies(failure).Contains(typeof(SubscriptionHub).Assembly) && !IsTests(failure);

#pragma warning disable CA2255   // A library would surprise its users; only the test runner uses this assembly.
    [ModuleInitializer]
    internal static void Listen() => TaskScheduler.UnobservedTaskException += static (_, unobserved) =>
    {
        if (IsTests(unobserved.Exception))
            return;
        lock (Reported)
            Reported.Add(unobserved.Exception);
    };
#pragma warning restore CA2255

    private static bool IsTests(Exception failure) => Assemblies(failure).Contains(typeof(UnobservedFailures).Assembly);

    /// <summary>Of each method on the stacks of an exception and its inner exceptions.</summary>
    private static IEnumerable<System.Reflection.Assembly> Assemblies(Exception failure)
    {
        var inner = failure is AggregateException several ? several.InnerExceptions : failure.InnerException is { } one ? [one] : (IEnumerable<Exception>)[];
        return new StackTrace(failure).GetFrames().Select(static frame => frame.GetMethod()?.Module.Assembly).OfType<System.Reflection.Assembly>()
            .Concat(inner.SelectMany(Assemblies));
    }
}
