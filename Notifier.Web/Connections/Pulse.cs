namespace Notifier.Connections;

/// <summary>What the liveness sweep saw of a connection in its last samples. A field of the connection, never copied.</summary>
/// <remarks>
/// Silence is counted in samples, not by the clock: after this process was paused (a snapshot, a debugger, SIGSTOP), what its peers
/// sent meanwhile is still unread, and all of them would seem to be gone.
/// </remarks>
internal struct Pulse
{
    /// <summary>
    /// Only each third sample of a silent peer asks how much the peer has acknowledged: the question is a system call, and most peers answer
    /// a ping before it matters.
    /// </summary>
    private const int SamplesBetweenQueries = 3;

    private int reads;
    private long acknowledged;
    private long streamProgress;
    private int silentSamples;

    /// <summary>Samples a connection. Called by the sweep alone.</summary>
    /// <param name="readsNow">The connection's count of reads from the peer.</param>
    /// <param name="transport">The connection's transport.</param>
    /// <returns>In how many successive samples the peer neither sent nor acknowledged a byte. A slow reader that moves is alive.</returns>
    public int Sample(int readsNow, Transport transport)
    {
        if (reads != readsNow)
        {
            reads = readsNow;
            return silentSamples = 0;
        }
        if (silentSamples++ % SamplesBetweenQueries != 0)
            return silentSamples;
        var progress = transport.Progress;
        // Acknowledged since the last question, and something of ours was sent since the peer last showed that it lives.
        var hasProgress = silentSamples > 1 && progress.Acknowledged != acknowledged && progress.StreamProgress != streamProgress;
        acknowledged = progress.Acknowledged;
        if (hasProgress || silentSamples == 1)
            streamProgress = progress.StreamProgress;
        return silentSamples = hasProgress ? 1 : silentSamples;
    }
}
