using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.History;
using Notifier.Hub;
using Notifier.Messages;
using Notifier.Names;
using Notifier.Redis;
using Notifier.Redis.Receiver;
using Notifier.Tests.Support;

namespace Notifier.Bench;

/// <summary>
/// The gain of another thread (<c>Redis:DeliveryThreads</c>). A receiver reads a burst from memory and writes it to sockets whose peers do not
/// read. The kernel buffers everything, so that no load generator competes for the processors.
/// </summary>
internal static class ThreadsBenchmark
{
    private const int Sockets = 4_000;
    private const int MessagesPerSocket = 40;
    private const int MessagesPerRead = 512;
    private const int Rounds = 5;

    public static void Run()
    {
        foreach (var (title, names) in new[] { ("one socket a name", Sockets), ("all sockets on one name", 1) })
        {
            var ratios = new List<double>();
            for (var round = 0; round < Rounds; round++)
            {
                var (one, two) = (Measure(names, threads: 1), Measure(names, threads: 2));
                ratios.Add(one / two);
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{title}: {Sockets * MessagesPerSocket / one:0} deliveries/s with 1 thread, {Sockets * MessagesPerSocket / two:0} with 2: {one / two:0.00} x"));
            }
            ratios.Sort();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{title}: median {ratios[Rounds / 2]:0.00} x"));
        }
    }

    /// <returns>The seconds until all messages were written to each socket.</returns>
    private static double Measure(int names, int threads)
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var helpers = new DeliveryHelpers(threads);
        var context = new SubscriptionContext(
            Options.Create(new RecentOptions()), Options.Create(new LimitsOptions()), new HubMetrics(services.GetRequiredService<IMeterFactory>()), TimeProvider.System,
            NullLogger<SubscriptionContext>.Instance, helpers: helpers);
        using var peers = new LoopbackPeers(Sockets);
        var connections = peers.Transports.Select(SubscriberGroup.Connect).ToArray();
        var subscribed = new SubscribedNames();
        var confirmations = new StringBuilder();
        for (var n = 0; n < names; n++)
        {
            var subscription = new Subscription(Name.Channel($"n{n}"), context);
            var name = new SubscribedName(Encoding.ASCII.GetBytes($"n{n}"), isPattern: false);
            name.Attach(subscription);
            subscribed.Add(name);
            confirmations.Append(CultureInfo.InvariantCulture, $"*3\r\n$9\r\nsubscribe\r\n{Bulk($"n{n}")}:1\r\n");
            foreach (var connection in connections.Skip(n * Sockets / names).Take(Sockets / names))
                SubscriberExtensions.Join(new Subscriber(connection, subscription));
        }

        using var source = new MemorySource(Encoding.ASCII.GetBytes(confirmations.ToString()));
        var payload = Bulk(new string('x', Payloads.Bytes));
        for (var sent = 0; sent < names * MessagesPerSocket;)
        {
            var read = new StringBuilder();
            // One name gets few messages at a time, because a batch would be one write.
            for (var n = 0; n < (names == 1 ? 1 : MessagesPerRead) && sent < names * MessagesPerSocket; n++, sent++)
                read.Append(CultureInfo.InvariantCulture, $"*3\r\n$7\r\nmessage\r\n{Bulk($"n{sent % names}")}{payload}");
            source.Reads.Add(Encoding.ASCII.GetBytes(read.ToString()));
        }
        using var receiver = new RedisReceiver(
            subscribed, new RedisNames(Options.Create(new RedisOptions())), helpers, new ConnectionLifetime(), source, TimeProvider.System, NullLogger.Instance);
        receiver.Start();
        source.Confirmed.Wait();
        var since = Stopwatch.StartNew();
        source.GoOn.Set();
        while (connections.Sum(static connection => connection.Sent.Messages) < Sockets * MessagesPerSocket)
            Thread.Sleep(1);
        var took = since.Elapsed.TotalSeconds;
        source.End.Set();
        return took;
    }

    private static string Bulk(string text) => string.Create(CultureInfo.InvariantCulture, $"${text.Length}\r\n{text}\r\n");

    private sealed class MemorySource(byte[] confirmations) : IReceiverSource, IDisposable
    {
        private ReadOnlyMemory<byte> rest = confirmations;
        private int next;

        public List<byte[]> Reads { get; } = [];

        public ManualResetEventSlim Confirmed { get; } = new();

        public ManualResetEventSlim GoOn { get; } = new();

        public ManualResetEventSlim End { get; } = new();

        public int Receive(Span<byte> room)
        {
            if (rest.IsEmpty && next == 0)
            {
                Confirmed.Set();
                GoOn.Wait();
            }
            if (rest.IsEmpty && next < Reads.Count)
                rest = Reads[next++];
            if (rest.IsEmpty)
                End.Wait();
            var length = Math.Min(room.Length, rest.Length);
            rest.Span[..length].CopyTo(room);
            rest = rest[length..];
            return length;
        }

        /// <summary>Returns at once, because no publisher reacts to a delivery.</summary>
        public void WaitFor(int bytes, TimeSpan time)
        {
        }

        /// <summary>Returns no bytes, as with a publisher that waits for its own messages.</summary>
        public int Poll(Span<byte> room) => 0;

        public bool Forward(ReadOnlySpan<byte> frames) => true;

        public void EndBatch()
        {
        }

        public void Close(Exception? error)
        {
        }

        public void Dispose()
        {
            End.Set();
            Confirmed.Dispose();
            GoOn.Dispose();
        }
    }
}
