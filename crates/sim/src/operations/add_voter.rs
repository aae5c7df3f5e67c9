//! A controller that stands by becomes a voter. Expected: it does, or the leader says why not; whatever
//! becomes of it, what is committed stays.

use raft::message::AddVoterRequest;
use raft::{Input, Request, RequestId};

use super::Operation;
use crate::node::{endpoints, replica_key};

pub const OPERATION: Operation = Operation {
    name: "add_voter",
    weight: |_| 4,
    perform: |world, [who, waits, ..]| {
        let Some(leader) = world.leading_controller() else { return Ok(()) };
        let Some(process) = world.nodes[leader].up() else { return Ok(()) };
        let stands_by = |place: &usize| !process.raft.voters().is_voter(replica_key(*place));
        let controllers: Vec<usize> = world.env.shape.controllers().filter(stands_by).collect();
        let Some(place) = controllers.get(who % controllers.len().max(1)).copied() else {
            return Ok(());
        };
        let request = Request::AddVoter(AddVoterRequest {
            voter: replica_key(place),
            endpoints: endpoints(place),
            ack_when_committed: waits % 2 == 0,
        });
        let id = RequestId(world.env.number());
        world.env.shadow.quorum.asked(id, &request);
        world.touch(leader, |process, env| process.step(env, Input::Request { id, request }))
    },
};
