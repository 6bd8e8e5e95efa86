using FluentAssertions;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Connections;

public sealed class FrameWriterTests(ITestOutputHelper output)
{
    private readonly ScriptedTransport transport = new();

    [Fact]
    public async Task Frames_are_written_whole_and_in_order_however_much_the_transport_accepts()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"The seed is {seed}.");
        var random = new Random(seed);
        transport.Takes = length => random.Next(4) switch { 0 => 0, 1 => length, _ => random.Next(length + 1) };
        transport.StaysReady = () => random.Next(8) > 0;
        var messages = Enumerable.Range(0, 2_000).Select(n => Message.Create(null, Payload(random, n))).ToArray();

        await WriteAllAsync(new FrameWriter(transport, PlainText.Format), messages);

        transport.Taken.AsSpan().SequenceEqual(Expected(messages)).Should().BeTrue();
    }

    [Theory]
    [InlineData(0)]     // nothing fits: the first frame is kept
    [InlineData(1)]
    [InlineData(101)]   // all of the first but its last byte
    [InlineData(102)]   // the first, and nothing of the second
    [InlineData(103)]
    [InlineData(204)]   // both
    public async Task A_started_frame_is_finished_by_the_writer_and_an_unstarted_one_is_left_to_the_caller(int takes)
    {
        var messages = new[] { Message.Create(null, new byte[100]), Message.Create(null, new byte[100]) };
        var batch = Plain.Encode(new FrameBuffer(), messages);
        transport.Takes = _ => takes;
        var writer = new FrameWriter(transport, PlainText.Format);

        var begun = writer.Write(batch);

        begun.Should().Be(takes <= 102 ? 1 : 2);
        writer.IsReady.Should().Be(takes is 102 or 204);
        await writer.FinishAsync();
        transport.Taken.Should().HaveCount(begun * 102);
    }

    [Fact]
    public async Task The_rest_of_a_frame_is_copied_because_the_caller_reuses_its_buffer()
    {
        var bytes = Plain.Encode(new FrameBuffer(), [Message.Create(null, "hello"u8.ToArray())]).Bytes.ToArray();
        transport.Takes = _ => 3;
        var writer = new FrameWriter(transport, PlainText.Format);

        writer.Write(new FrameBatch(bytes, 1));
        bytes.AsSpan().Fill(0xEE);

        await writer.FinishAsync();
        transport.Taken.Should().Equal([0x81, 5, .. "hello"u8]);
    }

    [Fact]
    public void A_large_payload_is_shared_by_waiting_writers_and_not_copied()
    {
        var message = Message.Create(null, new byte[512 * 1024]);
        var batch = Plain.Encode(new FrameBuffer(), [message]);
        var writers = Enumerable.Range(0, 100).Select(_ => new FrameWriter(Stalling(after: 1_000), PlainText.Format)).ToList();
        var before = GC.GetAllocatedBytesForCurrentThread();

        foreach (var writer in writers)
            writer.Write(batch);

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(100 * 16 * 1024, "no copy of half a mebibyte was made");
        writers.Should().OnlyContain(writer => !writer.IsReady);
    }

    [Fact]
    public async Task A_writer_whose_transport_breaks_inside_a_frame_is_ready_and_sends_nothing_more()
    {
        transport.Takes = _ => 10;
        var writer = new FrameWriter(transport, PlainText.Format);
        writer.Write(Plain.Encode(new FrameBuffer(), [Message.Create(null, new byte[100])]));
        transport.IsBroken = true;

        await writer.FinishAsync();

        writer.IsReady.Should().BeTrue();
        writer.Write(Plain.Encode(new FrameBuffer(), [Message.Create(null, new byte[100_000])])).Should().Be(1);
        writer.IsReady.Should().BeTrue();
        transport.Taken.Should().HaveCount(10);
    }

    [Fact]
    public void A_message_without_a_frame_counts_as_written_and_sends_nothing()
    {
        new FrameWriter(transport, PlainText.Format).Write(FrameBatch.Nothing(3)).Should().Be(3);

        transport.Offers.Should().Be(0);
    }

    private static ScriptedTransport Stalling(int after) => new()
    {
        Takes = length =>
        {
            var takes = Math.Min(length, after);
            after -= takes;
            return takes;
        },
    };

    private async Task WriteAllAsync(FrameWriter writer, Message[] messages)
    {
        var frames = new FrameBuffer();
        for (var next = 0; next < messages.Length;)
        {
            next += writer.Write(Plain.Encode(frames, messages.AsSpan(next)));
            while (!writer.IsReady)
            {
                var finish = writer.FinishAsync();
                transport.BecomeReady();
                await finish;
            }
        }
    }

    private static byte[] Payload(Random random, int n)
    {
        var payload = new byte[random.Next(10) switch
        {
            0 => 0,
            1 => random.Next(126, 70_000),
            2 => random.Next(FrameBatch.LargePayload - 1, FrameBatch.LargePayload + 2),
            _ => random.Next(200),
        }];
        payload.AsSpan().Fill((byte)n);
        return payload;
    }

    private static byte[] Expected(Message[] messages)
    {
        var all = new FrameBuffer();
        foreach (var message in messages)
        {
            var length = message.Payload.Length;
            ServerFrame.WriteHeader(all.Append(ServerFrame.HeaderLength(length)), message.IsText ? ServerFrame.Text : ServerFrame.Binary, length);
            message.Payload.Span.CopyTo(all.Append(length));
        }
        return all.Written.ToArray();
    }
}
