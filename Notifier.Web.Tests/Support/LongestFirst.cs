using System.Collections.Concurrent;
using System.Reflection;
using Notifier.Tests.Faults;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Notifier.Tests.Support;

/// <summary>
/// Runs the test classes: the longest first, so that none of them runs alone at the end; then those of <see cref="RunsAlone"/>, one after the other. xUnit
/// itself queues all classes on the thread pool, where some that come first in its order start last.
/// </summary>
public sealed class LongestFirst(IMessageSink messages) : XunitTestFramework(messages)
{
    /// <summary>Nearly every test waits most of its time for Redis, a browser or a limit, so several classes run on each core.</summary>
    private const int AtOnce = 6;

    private static readonly string[] Longest =
    [
        "NodeFaults", "SentinelDiscoveryTests", "SentinelFailoverTests", "FrontProxyTests", "RehearsalTests", "ProbeTests", "RedisSetupsTests", "DurableFaultTests",
        "FirefoxTests", "WebKitTests", "ViteRecipeTests", "TypeScriptTests", "TemplateRecipeTests", "TokenRouteTests",
        "NodesTests", "ReplayAbuseTests", "RequestMemoryTests", "FullNodeTests", "SpellingTests", "ShutdownTests", "ClientResumeTests", "ProtocolPageTests",
        "StalledReaderTests", "RollingRestartTests", "RedisStateFaults", "MetricsTests",
        "AccessibilityTests", "DocumentedCommandsTests", "DemoPageTests", "ClientDurableTests", "DurableTests", "RedisClusterTests", "RedisFaults", "StartupTests",
        "LogSecrecyTests", "HubModelTests", "PublishTests", "NodeBudgetTests", "ContentSecurityPolicyTests", "BadCommandTests", "LogFormatTests",
        "RandomReconnectTests", "RedisFaultTests", "StartupRefusalTests",
    ];

    protected override ITestFrameworkExecutor CreateExecutor(AssemblyName assemblyName) => new Executor(assemblyName, SourceInformationProvider, DiagnosticMessageSink);

    private sealed class Executor(AssemblyName assembly, ISourceInformationProvider source, IMessageSink diagnostics)
        : XunitTestFrameworkExecutor(assembly, source, diagnostics)
    {
        protected override async void RunTestCases(IEnumerable<IXunitTestCase> testCases, IMessageSink executionMessageSink, ITestFrameworkExecutionOptions executionOptions)
        {
            using var runner = new Runner(TestAssembly, testCases, DiagnosticMessageSink, executionMessageSink, executionOptions);
            await runner.RunAsync();
        }
    }

    private sealed class Runner(
        ITestAssembly assembly, IEnumerable<IXunitTestCase> tests, IMessageSink diagnostics, IMessageSink results, ITestFrameworkExecutionOptions options)
        : XunitTestAssemblyRunner(assembly, tests, diagnostics, results, options)
    {
        protected override async Task<RunSummary> RunTestCollectionsAsync(IMessageBus messageBus, CancellationTokenSource cancellationTokenSource)
        {
            var summary = new RunSummary();
            var collections = OrderTestCollections().OrderBy(static one => Place(one.Item1)).ToLookup(static one => CanRunBesideOthers(one.Item1));
            await RunAsync(collections[true], FaultSuite.RunsAlone ? 1 : AtOnce);
            await RunAsync(collections[false], 1);
            return summary;

            Task RunAsync(IEnumerable<Tuple<ITestCollection, List<IXunitTestCase>>> some, int atOnce)
            {
                var queue = new ConcurrentQueue<Tuple<ITestCollection, List<IXunitTestCase>>>(some);
                return Task.WhenAll(Enumerable.Range(0, atOnce).Select(_ => Task.Run(async () =>
                {
                    while (!cancellationTokenSource.IsCancellationRequested && queue.TryDequeue(out var next))
                    {
                        var one = await RunTestCollectionAsync(messageBus, next.Item1, next.Item2, cancellationTokenSource);
                        lock (summary)
                            summary.Aggregate(one);
                    }
                })));
            }
        }

        private static int Place(ITestCollection collection) =>
            collection.DisplayName == RunsLast.Name ? int.MaxValue
            : Array.IndexOf(Longest, collection.DisplayName.Split('.')[^1]) is var place and >= 0 ? place : Longest.Length;

        private static bool CanRunBesideOthers(ITestCollection collection) =>
            collection.CollectionDefinition?.GetCustomAttributes(typeof(CollectionDefinitionAttribute)).SingleOrDefault()
                ?.GetNamedArgument<bool>(nameof(CollectionDefinitionAttribute.DisableParallelization)) != true;
    }
}
