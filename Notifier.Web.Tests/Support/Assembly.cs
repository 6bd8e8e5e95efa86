using System.Runtime.CompilerServices;
using Xunit;
using Xunit.Abstractions;

// Nearly every test waits most of its time: for Redis, for a browser, for a limit that is its point. So classes run side by side, several to a core.
// What needs the machine or this process for itself is in the collection RunsAlone, which xUnit runs afterwards.
[assembly: CollectionBehavior(MaxParallelThreads = 5)]
[assembly: TestCollectionOrderer("Notifier.Tests.Support.LongestFirst", "Notifier.Web.Tests")]

namespace Notifier.Tests.Support;

/// <summary>The classes that take longest begin first, so that none of them is left running at the end with nothing beside it.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] Longest =
    [
        "SentinelTests", "ProbeTests", "RehearsalTests", "RollingRestartTests", "FrontProxyTests", "NodeFaults", "HubModelTests", "RedisSetupsTests",
        "ClientResumeTests", "DemoPageTests", "RedisStateFaults", "DurableFaultTests", "RedisClusterTests", "RedisFaults", "StalledReaderTests",
        "ClientDurableTests", "AccessibilityTests", "StartupRefusalTests",
    ];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) => testCollections.OrderBy(static collection =>
        Array.IndexOf(Longest, collection.DisplayName.Split('.')[^1]) is var place and >= 0 ? place : Longest.Length);
}

/// <summary>
/// Many servers and clients share one thread pool here, which begins with one thread for each core and adds one or two a second; a test that blocks one would
/// keep the others waiting. More than these would take the processors from each other.
/// </summary>
internal static class Threads
{
    private const int AtOnce = 8;

    // A library would surprise those who use it; nobody uses this assembly but the runner.
#pragma warning disable CA2255
    [ModuleInitializer]
    internal static void Prepare() => ThreadPool.SetMinThreads(AtOnce, AtOnce);
#pragma warning restore CA2255
}
