using Xunit;

namespace Notifier.Tests.Support;

/// <summary>
/// xUnit runs these tests one after the other, after all other tests. They are tests that another test could disturb for a second, which
/// would be a fault of the machine and not of Notifier, and tests that measure shared state (the memory of this process, its thread pool, its pools of buffers).
/// Redis closes a subscriber that gets no processor during a flood for half a second.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RunsAlone
{
    public const string Name = "Runs alone";
}

/// <summary>Tests that check what the whole run has left behind: xUnit runs them after all others (see <see cref="LongestFirst"/>).</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RunsLast
{
    public const string Name = "Runs last";
}
