using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Faults;

/// <summary>The network between the node and Redis is bad; the network between the backend and Redis is not. The derived classes choose the Redis.</summary>
public abstract class NetworkFaults(ITestOutputHelper output, bool isEmbedded)
{
    private const string Told = "plain: what is lost has a `gap`; durable: nothing is lost; browsers stay connected";

    [Fact]
    public Task No_message_is_lost_when_the_network_delivers_single_bytes() => RunAsync(
        "The network hands over single bytes, for 3 s", "nothing is lost", TimeSpan.FromSeconds(10), losesNothing: true,
        async (trial, proxy) =>
        {
            trial.Backend.Publish(100);
            proxy.Slice = 1;
            await RealTime.PassesAsync(TimeSpan.FromSeconds(3));
            proxy.Slice = int.MaxValue;
        });

    [Fact]
    public Task No_message_is_lost_when_the_network_adds_300_ms_each_way() => RunAsync(
        "The network delays everything by 300 ms, each way, for 5 s", "nothing is lost", TimeSpan.FromSeconds(5), losesNothing: true,
        async (trial, proxy) =>
        {
            proxy.Delay = TimeSpan.FromMilliseconds(300);
            await RealTime.PassesAsync(TimeSpan.FromSeconds(5));
            proxy.Delay = TimeSpan.Zero;
        });

    [Fact]
    [Trait(FaultSuite.Kind, FaultSuite.Long)]
    public Task Clients_recover_when_the_connections_to_redis_become_half_open() => RunAsync(
        "The network swallows everything on the connections there are (half-open)", Told, TimeSpan.FromSeconds(25), losesNothing: false,
        (_, proxy) =>
        {
            proxy.BlackHole();
            return Task.CompletedTask;
        });

    [Fact]
    [Trait(FaultSuite.Kind, FaultSuite.Long)]
    public Task Clients_recover_when_the_connections_to_redis_are_reset_every_two_seconds() => RunAsync(
        "The network resets all connections every 2 s, for 20 s", Told, TimeSpan.FromSeconds(5), losesNothing: false,
        async (trial, proxy) =>
        {
            for (var time = 0; time < 10; time++)
            {
                proxy.Reset();
                await RealTime.PassesAsync(TimeSpan.FromMilliseconds(2_000 + trial.Random.Next(-100, 100)));
            }
        });

    [Fact]
    [Trait(FaultSuite.Kind, FaultSuite.Long)]
    public Task Clients_recover_when_the_network_carries_only_a_tenth_of_the_load() => RunAsync(
        "The network carries 20 KB/s, a tenth of the load, for 20 s", Told, TimeSpan.FromSeconds(30), losesNothing: false,
        async (trial, proxy) =>
        {
            proxy.BytesPerSecond = 20_000;
            await RealTime.PassesAsync(TimeSpan.FromSeconds(20));
            proxy.BytesPerSecond = int.MaxValue;
        });

    private Task RunAsync(string name, string promise, TimeSpan recoversWithin, bool losesNothing, Func<FaultRun, RedisProxy, Task> befall) =>
        FaultSuite.RunAsync(
            output,
            new Fault(isEmbedded ? "The embedded Redis" : "Redis", name, promise, recoversWithin) { PlainLosesNothing = losesNothing },
            async trial =>
            {
                await trial.BeginAsync(isEmbedded ? RedisSetup.Garnet() : await RedisSetup.BehindProxyAsync());
                await befall(trial, trial.Stage.Proxy);
                trial.FaultEnds();
            });
}

/// <summary>On Redis.</summary>
public sealed class RedisNetworkFaults(ITestOutputHelper output) : NetworkFaults(output, isEmbedded: false);

/// <summary>On the Redis inside Notifier.</summary>
public sealed class EmbeddedNetworkFaults(ITestOutputHelper output) : NetworkFaults(output, isEmbedded: true);
