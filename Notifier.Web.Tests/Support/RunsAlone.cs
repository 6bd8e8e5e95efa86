using Xunit;

namespace Notifier.Tests.Support;

/// <summary>
/// Tests in which a second of another test's work would be a fault of the machine, not of the product: xUnit runs them one after the other, when all others
/// have ended. A flood of 200 MB/s is lost where the thread that reads gets no processor for a sixth of a second.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RunsAlone
{
    public const string Name = "Runs alone";
}
