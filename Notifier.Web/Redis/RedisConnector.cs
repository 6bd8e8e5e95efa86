using System.Runtime.CompilerServices;
using Notifier.Messages;
using Notifier.Redis.Receiver;
using StackExchange.Redis;

namespace Notifier.Redis;

/// <summary>Opens connections whose messages Notifier reads before the library does, and closes them. Thread-safe.</summary>
internal sealed class RedisConnector(
    SubscribedNames names, RedisNames redisNames, DeliveryHelpers helpers, RedisTransport transport, TimeProvider time, ILogger logger)
{
    private readonly ConditionalWeakTable<ConnectionMultiplexer, ReceiverTunnel> tunnels = [];

    public async Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions options)
    {
        var tunnel = new ReceiverTunnel(options, transport, (lifetime, source) => new(names, redisNames, helpers, lifetime, source, time, logger));
        var multiplexer = await ConnectionMultiplexer.ConnectAsync(tunnel.Options());
        tunnels.Add(multiplexer, tunnel);
        return multiplexer;
    }

    /// <summary>Ignores all further messages of this connection.</summary>
    public void Silence(ConnectionMultiplexer replaced)
    {
        if (tunnels.TryGetValue(replaced, out var tunnel))
            tunnel.Silence();
    }

    /// <summary>Closing may take long, because the connection may wait for a Redis that hangs.</summary>
    public static void CloseInBackground(ConnectionMultiplexer replaced) => replaced.CloseAsync(allowCommandsToComplete: false).ContinueWith(
        static (_, old) => ((ConnectionMultiplexer)old!).Dispose(), replaced, CancellationToken.None,
        TaskContinuationOptions.None, TaskScheduler.Default);
}
