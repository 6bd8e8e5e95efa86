using System.Runtime.CompilerServices;
using Xunit;
using Xunit.Abstractions;

// Nearly every test waits most of its time for Redis, a browser or a limit, so several classes run on each core.
// Tests that need the machine or this process alone are in the collection RunsAlone, which xUnit runs afterwards.
[assembly: CollectionBehavior(MaxParallelThreads = 6)]
[assembly: TestCollectionOrderer("Notifier.Tests.Support.LongestFirst", "Notifier.Web.Tests")]

namespace Notifier.Tests.Support;

/// <summary>Starts the longest classes first, so that none of them runs alone at the end. <see cref="RunsLast"/> comes after all others.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] Longest =
    [
        "SentinelDiscoveryTests", "SentinelFailoverTests", "ProbeTests", "RehearsalTests", "RollingRestartTests", "FrontProxyTests", "NodeFaults", "HubModelTests",
        "RedisSetupsTests", "ClientResumeTests", "DemoPageTests", "RedisStateFaults", "DurableFaultTests", "RedisClusterTests", "RedisFaults", "StalledReaderTests",
        "ClientDurableTests", "AccessibilityTests", "StartupRefusalTests",
    ];

    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) => testCollections.OrderBy(Place);

    private static int Place(ITestCollection collection) =>
        collection.DisplayName == RunsLast.Name ? int.MaxValue
        : Array.IndexOf(Longest, collection.DisplayName.Split('.')[^1]) is var place and >= 0 ? place : Longest.Length;
}

/// <summary>
/// Many servers and clients share one thread pool here. It starts with one thread for each core and adds one or two a second, so tests
/// that block threads would delay the others until their timeouts pass. A blocked thread needs no processor.
/// </summary>
internal static class Threads
{
    private const int AtOnce = 32;

    // A module initializer in a library would surprise its users, but only the test runner loads this assembly.
#pragma warning disable CA2255
    [ModuleInitializer]
    internal static void Prepare() => ThreadPool.SetMinThreads(AtOnce, AtOnce);
#pragma warning restore CA2255
}
