using Xunit;

namespace Notifier.Tests.Support;

/// <summary>
/// These tests run one after the other, after all other tests (see <see cref="LongestFirst"/>). Another test could disturb them for a second, which
/// would be a fault of the machine and not of Notifier, or they measure shared state (the memory of this process, its thread pool, its pools of buffers).
/// Redis closes a subscriber that gets no processor during a flood for half a second.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RunsAlone
{
    public const string Name = "Runs alone";
}

/// <summary>Tests that check what the whole run has left behind: they run after all others (see <see cref="LongestFirst"/>).</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RunsLast
{
    public const string Name = "Runs last";
}
