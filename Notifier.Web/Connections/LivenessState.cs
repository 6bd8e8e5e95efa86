namespace Notifier.Connections;

/// <summary>What the liveness sweep knows of a connection from its last samples. A field of the connection, never copied.</summary>
/// <remarks>
/// Silence is counted in samples, not by the clock. Otherwise all peers would seem silent after this process was paused (a snapshot, a
/// debugger, SIGSTOP), because their bytes are not read yet.
/// </remarks>
internal struct LivenessState
{
    /// <summary>
    /// Only each third sample of a silent peer reads how much the peer has acknowledged: that is a system call, and most peers answer a ping
    /// earlier.
    /// </summary>
    private const int SamplesBetweenQueries = 3;

    private int reads;
    private long acknowledged;
    private long streamProgress;
    private int silentSamples;

    /// <summary>Samples a connection. Called by the sweep alone.</summary>
    /// <param name="currentReads">The connection's count of reads from the peer.</param>
    /// <param name="transport">The connection's transport.</param>
    /// <returns>In how many successive samples the peer neither sent nor acknowledged a byte. A slow reader that still reads is alive.</returns>
    public int Sample(int currentReads, Transport transport)
    {
        if (reads != currentReads)
        {
            reads = currentReads;
            return silentSamples = 0;
        }
        if (silentSamples++ % SamplesBetweenQueries != 0)
            return silentSamples;
        var progress = transport.Progress;
        // The peer has acknowledged bytes since the last query, and this stream has sent some since the peer last showed that it is alive.
        var hasProgress = silentSamples > 1 && progress.Acknowledged != acknowledged && progress.StreamProgress != streamProgress;
        acknowledged = progress.Acknowledged;
        if (hasProgress || silentSamples == 1)
            streamProgress = progress.StreamProgress;
        return silentSamples = hasProgress ? 1 : silentSamples;
    }
}
