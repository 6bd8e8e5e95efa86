using Xunit;

namespace Notifier.Tests.Support;

/// <summary>
/// Tests in which a second of another test's work would be a fault of the machine, not of the product: xUnit runs them one after the other, while no others
/// run. Redis drops a reader of a flood that gets no processor for half a second.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RunsAlone
{
    public const string Name = "Runs alone";
}
