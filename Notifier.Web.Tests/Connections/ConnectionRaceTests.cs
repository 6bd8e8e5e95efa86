using System.Collections.Concurrent;
using System.Diagnostics;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Connections;

/// <summary>
/// Many threads use one connection whose transport accepts a random number of bytes. No wake-up is lost, and no frame is torn.
/// </summary>
public sealed class ConnectionRaceTests(ITestOutputHelper output)
{
    private const int Threads = 4;

    [Fact]
    public async Task All_work_requested_from_many_threads_is_done_in_whole_frames()
    {
        for (var round = 0; round < 12; round++)
        {
            var seed = Random.Shared.Next();
            output.WriteLine($"Round {round}: the seed is {seed}.");
            var transport = Moody(seed);
            var connection = new Connection(transport, PlainText.Format, static () => { }, TimeProvider.System, NullLogger.Instance);
            var source = new Numbers(connection);
            var actions = new ConcurrentBag<int>();
            connection.Post(() => connection.AddSource(source));

            await RunOnThreadsAsync(thread =>
            {
                for (var n = 0; n < 500; n++)
                {
                    source.More();
                    if (n % 3 == 0)
                        connection.SendPing();
                    if (n % 5 == 0)
                        connection.SendPong([0x8A, 1, (byte)n]);
                    if (n % 7 == 0)
                        connection.Post(() => actions.Add(n));
                    if (n % 11 == 0 && connection.TryAcquire())
                        connection.Release();
                }
            });
            await Eventually.IsAsync(() => source.Sent == Threads * 500 && actions.Count == Threads * 72, "everything was sent");
            await connection.CloseAsync(CloseReason.Internal).WaitAsync(Eventually.Limit);
            await connection.RetireAsync().WaitAsync(Eventually.Limit);

            var frames = Frames(transport.Taken);
            frames.Where(frame => frame.Opcode == ServerFrame.Binary).Select(frame => BitConverter.ToInt32(frame.Payload))
                .Should().Equal(Enumerable.Range(0, Threads * 500));
            frames[^1].Opcode.Should().Be(ServerFrame.Close);
            frames.Count(frame => frame.Opcode == ServerFrame.Close).Should().Be(1);
        }
    }

    [Fact]
    public async Task A_concurrent_close_is_the_last_frame_and_nothing_is_sent_after_retiring()
    {
        for (var round = 0; round < 100; round++)
        {
            var transport = Moody(Random.Shared.Next());
            var connection = new Connection(transport, PlainText.Format, static () => { }, TimeProvider.System, NullLogger.Instance);
            var source = new Numbers(connection);
            connection.Post(() => connection.AddSource(source));

            await RunOnThreadsAsync(thread =>
            {
                for (var n = 0; n < 50; n++)
                {
                    source.More();
                    connection.SendPing();
                    connection.SendPong([0x8A, 0]);
                    if (n == 25 && thread == 0)
                        _ = connection.CloseAsync(CloseReason.Internal);
                }
                if (thread == 1)
                    connection.RetireAsync().Wait(Eventually.Limit).Should().BeTrue();
            });
            var sent = transport.Taken.Length;
            connection.SendPing();
            connection.CatchUp();

            transport.Taken.Should().HaveCount(sent, "nothing is sent after retirement");
            var frames = Frames(transport.Taken);
            frames.FindIndex(frame => frame.Opcode == ServerFrame.Close).Should().BeOneOf(-1, frames.Count - 1);
        }
    }

    /// <summary>
    /// One thread releases the connection while another posts an action. An owner that found no action and then only wrote "free" would
    /// overwrite the request, and no thread would run the action.
    /// </summary>
    [Fact]
    public async Task Work_posted_at_the_moment_of_release_is_not_lost()
    {
        const int most = 60_000;
        // On a busy machine the rounds are slower, so the time is limited too.
        var time = Stopwatch.StartNew();
        var rounds = most;
        var connection = new Connection(new ScriptedTransport(), PlainText.Format, static () => { }, TimeProvider.System, NullLogger.Instance);
        var acquired = 0;
        var posted = 0;
        var done = 0;
        var lost = 0;

        await RunOnThreadsAsync(
            () =>
            {
                for (var round = 1; round <= rounds; round++)
                {
                    if (time.Elapsed > Eventually.Limit / 2)
                        Volatile.Write(ref rounds, round);      // this round is the last one
                    connection.TryAcquire();
                    Volatile.Write(ref acquired, round);
                    Thread.SpinWait(round % 128);
                    connection.Release();
                    WaitFor(ref posted, round);
                    if (Volatile.Read(ref done) != round)
                    {
                        lost++;
                        connection.Post(static () => { });   // runs the lost action, so that the next round starts clean
                    }
                }
            },
            () =>
            {
                for (var round = 1; round <= Volatile.Read(ref rounds); round++)
                {
                    WaitFor(ref acquired, round);
                    connection.Post(() => done++);
                    Volatile.Write(ref posted, round);
                }
            });

        lost.Should().Be(0);
        rounds.Should().BeGreaterThan(most / 200, "the race needs many rounds");

        static void WaitFor(ref int value, int round)
        {
            var wait = new SpinWait();
            while (Volatile.Read(ref value) != round)
                wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    private static Task RunOnThreadsAsync(Action<int> run) =>
        RunOnThreadsAsync([.. Enumerable.Range(0, Threads).Select<int, Action>(thread => () => run(thread))]);

    private static Task RunOnThreadsAsync(params Action[] runs) =>
        Task.WhenAll(runs.Select(OwnThread.RunAsync)).WaitAsync(Eventually.Limit);

    /// <summary>A transport that accepts all bytes, a part or none. Now and then it is not ready until another thread says so.</summary>
    private static ScriptedTransport Moody(int seed)
    {
        var random = new Random(seed);      // only one owner at a time uses it, which is what the test checks
        var transport = new ScriptedTransport();
        transport.Takes = length => random.Next(3) switch { 0 => 0, 1 => length, _ => random.Next(length + 1) };
        transport.Sends = async () => await Task.Yield();
        transport.StaysReady = () =>
        {
            if (random.Next(4) > 0)
                return true;
            ThreadPool.QueueUserWorkItem(_ =>
            {
                SpinWait.SpinUntil(() => !transport.IsReady, Eventually.Limit);
                transport.BecomeReady();
            });
            return false;
        };
        return transport;
    }

    private static List<(byte Opcode, byte[] Payload)> Frames(byte[] bytes)
    {
        var frames = new List<(byte, byte[])>();
        for (var at = 0; at < bytes.Length;)
        {
            var length = ServerFrame.Length(bytes.AsSpan(at));
            frames.Add((ServerFrame.Opcode(bytes.AsSpan(at)), bytes[(at + 2)..(at + length)]));
            at += length;
        }
        return frames;
    }

    /// <summary>Sends as many binary frames as requested, numbered 0, 1, 2, …</summary>
    private sealed class Numbers(Connection connection) : FrameSource
    {
        private int wanted;
        private int sent;

        public int Sent => Volatile.Read(ref sent);

        public override bool IsBehind => sent < Volatile.Read(ref wanted);

        public void More()
        {
            Interlocked.Increment(ref wanted);
            connection.CatchUp();
        }

        public override void CatchUp()
        {
            var frames = new FrameBuffer();
            var count = Math.Min(wanted - sent, 10);
            for (var n = sent; n < sent + count; n++)
            {
                ServerFrame.WriteHeader(frames.Append(2), ServerFrame.Binary, sizeof(int));
                BitConverter.TryWriteBytes(frames.Append(sizeof(int)), n);
            }
            Volatile.Write(ref sent, sent + connection.Write(new FrameBatch(frames.Written, count)));
        }
    }
}
