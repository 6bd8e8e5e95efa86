using FluentAssertions;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

public sealed class StreamLaneTests : IDisposable
{
    private readonly RecordingStream stream = new();
    private readonly StreamLane lane;

    public StreamLaneTests() => lane = new StreamLane(stream, socket: null, isShared: false);

    public void Dispose() => stream.Dispose();

    [Fact]
    public async Task A_write_that_is_not_complete_makes_the_lane_wait_and_a_large_one_goes_in_slices()
    {
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        stream.Gate = gate.Task;

        lane.Offer(new byte[100_000]).Should().Be(Lane.Slice);

        lane.IsReady.Should().BeFalse();
        var ready = lane.WhenReadyAsync();
        ready.IsCompleted.Should().BeFalse();
        gate.SetResult();
        await ready;
        lane.IsReady.Should().BeTrue();
        await lane.SendAsync(new byte[150_000]);
        stream.Writes.Select(write => write.Length).Should().Equal(Lane.Slice, Lane.Slice, Lane.Slice, 150_000 - (2 * Lane.Slice));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whatever_the_stream_throws_the_lane_takes_everything_from_then_on_and_throws_nothing(bool atOnce)
    {
        stream.Throws = new NotSupportedException("a stream may throw anything");
        stream.ThrowsAtOnce = atOnce;
        var writer = new FrameWriter(lane, PlainText.Format);

        writer.Write(Plain.Encode(new FrameBuffer(), [Message.Of(null, new byte[300_000])]));
        await writer.FinishAsync();

        writer.IsReady.Should().BeTrue();
        lane.Offer(new byte[100]).Should().Be(100);
        await lane.SendAsync(new byte[100]);
        stream.Writes.Should().HaveCount(1);
    }

    [Fact]
    public async Task A_stream_that_breaks_while_a_rest_is_sent_does_not_break_its_holder()
    {
        stream.Throws = new ObjectDisposedException("the request");
        stream.ThrowsAtOnce = true;

        await lane.SendAsync(new byte[100]);

        lane.IsReady.Should().BeTrue();
        lane.Offer(new byte[100]).Should().Be(100);
        stream.Writes.Should().HaveCount(1);
    }
}
