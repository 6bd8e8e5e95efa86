using Xunit;

namespace Notifier.Tests.Support;

/// <summary>
/// Tests in which a second of another test's work would be a fault of the machine, not of the product, and those that measure what all tests share (the memory
/// of this process, its thread pool): xUnit runs them one after the other, after all the others. Redis drops a reader of a flood that gets no processor
/// for half a second.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RunsAlone
{
    public const string Name = "Runs alone";
}
