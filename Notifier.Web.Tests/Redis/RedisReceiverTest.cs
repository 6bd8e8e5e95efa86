using System.Collections.Concurrent;
using FluentAssertions;
using Microsoft.Extensions.Time.Testing;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Redis;
using Notifier.Redis.Receiver;
using Notifier.Tests.Support;

namespace Notifier.Tests.Redis;

/// <summary>A receiver reads what a test has written for it, and delivers it to sinks of the test: no Redis, no browser.</summary>
public abstract class RedisReceiverTest : IDisposable
{
    /// <summary>What only the library understands.</summary>
    public static readonly byte[] Pong = Resp.Text("*2\r\n$4\r\npong\r\n$0\r\n\r\n");

    private protected SubscribedNames Names { get; } = new();
    private readonly List<ScriptedConnection> connections = [];

    /// <summary>What the receivers did to the sinks, in order.</summary>
    private protected ConcurrentQueue<string> Calls { get; } = [];

    private protected LogCapture Log { get; } = new();

    /// <summary>Stands still, so that a machine with much to do does not look like a delivery that is stuck.</summary>
    private protected FakeTimeProvider Time { get; } = new();

    private protected RedisOptions Options { get; set; } = new();

    private protected DeliveryHelpers Helpers { get; set; } = DeliveryHelpers.None;

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        connections.ForEach(static connection => connection.Dispose());
        Log.Dispose();
    }

    private protected static byte[] Confirm(string channel) => Resp.Confirmation("subscribe", channel);

    private protected RecordingSink Attach(Name name, string? inRedis = null)
    {
        var sink = new RecordingSink(name, Calls);
        Attach(sink, inRedis ?? name.Text);
        return sink;
    }

    private protected void Attach(IMessageSink sink, string inRedis)
    {
        var name = new SubscribedName(Resp.Text(inRedis), isPattern: sink.Name.Kind == NameKind.Pattern);
        name.Attach(sink);
        Names.Add(name);
    }

    private protected ScriptedConnection Connect(TimeProvider? otherTime = null, int capacity = int.MaxValue)
    {
        var connection = new ScriptedConnection(capacity);
        connections.Add(connection);
        new RedisReceiver(
            Names, new RedisNames(Microsoft.Extensions.Options.Options.Create(Options)), Helpers, connection.Token, connection, otherTime ?? Time, Log.CreateLogger("receiver")).Start();
        return connection;
    }

    /// <summary>Whatever is being delivered is stuck.</summary>
    private protected void PassTime()
    {
        for (var n = 0; n < 4; n++)
            Time.Advance(RedisReceiver.StuckAfter / 2);
    }

    private protected static void NoSinkWasUsedByTwoThreads(params RecordingSink[] sinks) =>
        sinks.Should().OnlyContain(static sink => !sink.WasUsedByTwoThreads, "one thread at a time delivers, and one broadcasts");
}
